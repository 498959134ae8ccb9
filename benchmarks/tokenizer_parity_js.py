"""Counts the texts to which JavaScript's tokenizer gives other ids than the one in Rust, of portable tokenizers.

  python benchmarks/tokenizer_parity_js.py --tokenizer=DIR[,DIR...] --text=FILE_OR_FOLDER[,...] [--lines=2000]
      [--generated=50000] [--out=benchmarks/results/tokenizer_parity_js.md]

Needs perl, Node.js and: npm ci --ignore-scripts --prefix tests/javascript. The tokenizers are those of the folders, and four
vocabularies of a student's own, trained on the text: WordPiece and Unigram, cased and not. Each is written as
`--formats=hub` writes it; SentencePiece's once more as for taggers that part words at marks. Texts: see
tokenizer_parity.py.
"""

from __future__ import annotations

import collections
import functools
import itertools
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from absl import app, flags

from pages import environment, public_command, table, write_page
from tokenizer_causes import causes, named, older
from tokenizer_parity import Generator, text_sources
from xtremedistil_tf.tokenization.portable import portable_spec, with_words
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.texts import tokenizer_spec

FLAGS = flags.FLAGS
SCRIPT = pathlib.Path(__file__).parents[1] / "tests" / "javascript" / "tokens.mjs"
RULE = RawWords("punctuation", endings=("'s", "n't"), parted="/", kept_after="%")
_SIZE = 8000


def all_tokenizers(texts: list[str]) -> Iterator[tuple[str, Any]]:
    """Name and fast tokenizer."""
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.tokenization.own_vocabulary import KINDS, train_tokenizer

    for folder in FLAGS.tokenizer:
        yield pathlib.Path(folder).name, load_tokenizer(folder)
    some = random.Random(0).sample(texts, min(20000, len(texts)))
    for kind, cased in itertools.product(KINDS, (True, False)):
        yield f"own {kind}, {'cased' if cased else 'uncased'}", train_tokenizer(some, _SIZE, kind, cased, at_most=True)


def forms(tokenizer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and contents of tokenizer.json, as the export writes it."""
    spec = tokenizer_spec(tokenizer)
    yield "", portable_spec(spec)
    if with_words(spec, RULE) != spec:
        yield ", words parted at marks", portable_spec(with_words(spec, RULE))


def in_javascript(spec: dict[str, Any], tokenizer: Any, texts: list[str]) -> list[list[int]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        tokenizer.save_pretrained(scratch, legacy_format=False)
        (folder / "tokenizer.json").write_text(json.dumps(spec), "utf-8")
        run = subprocess.run(["node", SCRIPT, scratch], input="".join(json.dumps(text) + "\n" for text in texts),
                             capture_output=True, text=True, encoding="utf-8", check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def different(spec: dict[str, Any], tokenizer: Any, texts: list[str]) -> list[str]:
    """The texts with other ids."""
    from tokenizers import Tokenizer

    wanted = [found.ids for found in Tokenizer.from_str(json.dumps(spec)).encode_batch(texts)]
    found = in_javascript(spec, tokenizer, texts)
    return [text for text, one, other in zip(texts, wanted, found, strict=True) if one != other]


def main(argv):
    del argv
    sources = text_sources()
    real = list(itertools.chain.from_iterable(sources.values()))
    rows, totals, characters = [], collections.Counter(), set()
    for name, tokenizer in all_tokenizers(real):
        generator = Generator(list(tokenizer.get_added_vocab()), seed=7)
        texts = real, [generator.text() for _ in range(FLAGS.generated)]
        for form, spec in forms(tokenizer):
            wrong = [different(spec, tokenizer, part) for part in texts]
            for text in itertools.chain(*(part[:FLAGS.show] for part in wrong)):
                print(f"{name}{form}: {text!a}", file=sys.stderr)
            why = causes([*wrong[0], *wrong[1]], functools.partial(different, spec, tokenizer))
            characters |= why.characters
            rows.append([name + form, len(texts[0]), len(wrong[0]), len(texts[1]), len(wrong[1]),
                         len(why.unexplained), len(why.characters), len(older(why.characters))])
            totals.update(dict(zip(range(1, 6), rows[-1][1:])))
            print(*rows[-1], flush=True)
    old = older(characters)
    rows.append(["all", *(totals[column] for column in range(1, 6)), len(characters), len(old)])
    measured = table(["tokenizer", "real texts", "other ids", "generated strings", "other ids", "also without the characters",
                      "characters that differ", "of these in Unicode 8"], rows)
    print(measured)
    if FLAGS.out:
        write_page(pathlib.Path(FLAGS.out), page(measured, named(old)), {row[0]: row[1:] for row in rows})


def page(measured: str, old: str) -> list[str]:
    """The parts of the result page."""
    import tokenizers

    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    package = json.loads((SCRIPT.parent / "package.json").read_text("utf-8"))["dependencies"]["@huggingface/tokenizers"]
    command = public_command("python benchmarks/tokenizer_parity_js.py " + " ".join(sys.argv[1:]))
    return ["# Portable tokenizers in JavaScript against Rust",
            environment({"tokenizers": tokenizers.__version__, "node": node, "@huggingface/tokenizers": package}),
            f"```sh\n{command}\n```", measured,
            "A text counts as different where one id is. Generated strings are of random characters: of one script, of "
            "several, of all Unicode, emoji, controls, combining characters, and added tokens.",
            "Every string has its cause: each character of those with other ids is asked for by itself and between letters; "
            "the strings are asked for once more without the characters that differ there. Rust's tables of categories are "
            "those of Unicode 8, its normal forms those of Unicode 9; Node.js has newer ones. Characters that differ though "
            f"Unicode 8 has them: {old}. Their category is another one today."]


if __name__ == "__main__":
    app.run(main)
