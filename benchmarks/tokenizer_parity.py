"""Counts the lines on which the tokenizer in the graph differs from Hugging Face's, and times both.

  python benchmarks/tokenizer_parity.py --tokenizer=DIR[,DIR...] --text=FILE_OR_FOLDER[,...] [--lines=2000]
      [--generated=50000] [--out=benchmarks/results/tokenizer_parity.md]

Every line is compared as words (pieces of each word), as a whole text (pieces), and for the offsets of the
pieces in the text. `--text` takes files and folders, plain or .xz; of JSON files (questions) the strings are
read, of all others the lines as they stand. Generated strings are of random characters: of one script, of
several, of all Unicode, emoji, controls, combining characters, and added tokens. Both are timed on batches of
whole texts, in turn; the times include what the comparison itself needs on neither side.
"""

from __future__ import annotations

import collections
import itertools
import json
import lzma
import os
import pathlib
import random
import sys
import time
import unicodedata
from collections.abc import Iterator
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pages import environment, public_command, table, write_page

_TOKENIZER = flags.DEFINE_list("tokenizer", [], "Folders with a tokenizer.")
_TEXT = flags.DEFINE_list("text", [], "Files and folders of text.")
_LINES = flags.DEFINE_integer("lines", 0, "The first lines of each file; 0: all.")
_GENERATED = flags.DEFINE_integer("generated", 50000, "How many strings to make.")
_BATCH = flags.DEFINE_integer("batch_size", 256, "Lines in a batch.")
_SHOW = flags.DEFINE_integer("show", 5, "How many differences of each kind to print to standard error.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")

KINDS = ("words", "texts", "offsets")
SCRIPTS = [
    (0x20, 0x7F), (0xA0, 0x250), (0x250, 0x370), (0x370, 0x400), (0x400, 0x530), (0x530, 0x590),
    (0x590, 0x600), (0x600, 0x780), (0x900, 0xA00), (0xA00, 0xC00), (0xC00, 0xE00), (0xE00, 0xF00),
    (0xF00, 0x1000), (0x1000, 0x10A0), (0x10A0, 0x1200), (0x1200, 0x13A0), (0x1780, 0x1800), (0x1E00, 0x2000),
    (0x2000, 0x2070), (0x2100, 0x2500), (0x3000, 0x3200), (0x3200, 0x3400), (0x4E00, 0xA000),
    (0xAC00, 0xD7B0), (0xF900, 0xFE00), (0xFE00, 0x10000), (0x10000, 0x12000), (0x1D000, 0x1D800), (0x1E000, 0x1F000),
    (0x1F000, 0x1FB00)]
EMOJI = ["👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "😀", "👨‍⚕️", "©️", "™️"]
CONTROLS = [chr(number) for number in (
    *range(32), *range(0x7F, 0xA1), *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0xAD, 0x61C, 0x180E,
    0x2060, 0x3000, 0xFEFF, 0xFFFD, 0xE0001, 0x10FFFF)]


class Generator:
    """Random strings.

    Args:
        added: the added tokens of the tokenizer.
    """

    def __init__(self, added: list[str], seed: int):
        self._rng, self._added = random.Random(seed), added
        self._marks = [c for c in map(chr, range(0x20000)) if unicodedata.category(c)[0] == "M"]

    def text(self) -> str:
        rng = self._rng
        most = rng.choice([5, 20, 60, 200])
        ways = [lambda: self._of(rng.choice(SCRIPTS)), lambda: self._of(rng.choice(SCRIPTS)), self._any,
                lambda: rng.choice(self._marks), lambda: rng.choice(EMOJI), lambda: rng.choice(CONTROLS),
                lambda: " " * rng.randint(1, 3), lambda: rng.choice(self._added),
                lambda: rng.choice("aeiouAEIOU") + rng.choice(self._marks),
                lambda: rng.choice("`'\"▁<>") * rng.randint(1, 4)]
        script = rng.choice(SCRIPTS)
        one = [lambda: self._of(script), lambda: self._of(script), lambda: self._of(script), lambda: " "]
        ways = rng.choice([one, one, ways, one + ways])
        return "".join(rng.choice(ways)() for _ in range(rng.randint(0, most)))

    def _of(self, script: tuple[int, int]) -> str:
        return "".join(chr(self._rng.randrange(*script)) for _ in range(self._rng.randint(1, 6)))

    def _any(self) -> str:
        number = self._rng.randrange(0x110000 - 0x800)
        return chr(number if number < 0xD800 else number + 0x800)


def read_strings(file: pathlib.Path) -> Iterator[str]:
    """The lines of a file, or of JSON the questions, contexts and other long strings."""
    with (lzma.open if file.suffix == ".xz" else open)(file, "rt", encoding="utf-8", newline="\n") as handle:
        if ".json" in file.suffixes:
            yield from _strings(json.load(handle))
        else:
            yield from (line.rstrip("\n") for line in handle)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def text_sources() -> dict[str, list[str]]:
    """Lines by the name of the file or folder that was asked for."""
    found = {}
    for name in _TEXT.value:
        path = pathlib.Path(name)
        files = [path] if path.is_file() else sorted(
            file for file in path.rglob("*") if file.is_file() and file.suffix not in (".md", ".py"))
        lines = [itertools.islice(read_strings(file), _LINES.value or None) for file in files]
        found[path.name] = list(itertools.chain.from_iterable(lines))
    return found


class Both:
    """The same tokenizer twice.

    Args:
        folder: of the tokenizer.
    """

    def __init__(self, folder: str):
        import tensorflow as tf

        from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
        from xtremedistil_tf.tokenization.graph.inputs import graph_tokenizer

        self._constant = lambda texts: tf.constant([text.encode() for text in texts], tf.string)
        self.tokenizer = load_tokenizer(folder)
        graph = graph_tokenizer(self.tokenizer, whole_texts=True)
        signature = [tf.TensorSpec([None], tf.string)]
        self._words = tf.function(graph.tokenize, input_signature=signature)
        self._texts = tf.function(graph.tokenize_texts, input_signature=signature)
        self.seconds = dict.fromkeys(("hugging face", "graph"), 0.0)

    def differences(self, texts: list[str]) -> dict[str, list[str]]:
        """The texts on which they differ, by kind."""
        began = time.perf_counter()
        wanted = self.tokenizer(texts, add_special_tokens=False).encodings
        half = time.perf_counter()
        constant = self._constant(texts)
        found = self._texts(constant)
        self.seconds["hugging face"] += half - began
        self.seconds["graph"] += time.perf_counter() - half
        pieces, starts, ends = (found[key].to_list() for key in ("pieces", "starts", "ends"))
        offsets = [list(zip(*both)) for both in zip(starts, ends)]
        words = self.tokenizer([text.split() for text in texts], is_split_into_words=True,
                               add_special_tokens=False).encodings
        return {"words": [text for text, one, other in zip(texts, words, self._word_pieces(constant))
                          if (one.ids, one.word_ids) != other],
                "texts": [text for text, one, other in zip(texts, wanted, pieces) if one.ids != other],
                "offsets": [text for text, one, other in zip(texts, wanted, offsets) if one.offsets != other]}

    def _word_pieces(self, constant) -> list[tuple[list[int], list[int]]]:
        """Ids and word numbers of each text."""
        pieces = self._words(constant)["pieces"]
        first_word = pieces.row_starts().numpy()
        ids, words = pieces.values.values.numpy(), pieces.values.value_rowids().numpy()
        bounds = pieces.values.row_splits.numpy()[pieces.row_splits.numpy()]
        return [(ids[begin:end].tolist(), (words[begin:end] - first).tolist())
                for begin, end, first in zip(bounds, bounds[1:], first_word)]


def measure(folder: str, sources: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """Counts and speeds for each source of text."""
    both = Both(folder)
    generator = Generator(list(both.tokenizer.get_added_vocab()), seed=7)
    sources = sources | {"generated": [generator.text() for _ in range(_GENERATED.value)]}
    both.differences(["Tracing is not what is measured."] * 2)
    results = {}
    for name, texts in sources.items():
        both.seconds = dict.fromkeys(both.seconds, 0.0)
        counts, shown = collections.Counter(), collections.Counter()
        for begin in range(0, len(texts), _BATCH.value):
            for kind, different in both.differences(texts[begin:begin + _BATCH.value]).items():
                counts[kind] += len(different)
                for text in different[:max(0, _SHOW.value - shown[kind])]:
                    print(f"{name}, {kind}: {text!r}", file=sys.stderr)
                shown[kind] += len(different)
        speeds = {side: len(texts) / seconds for side, seconds in both.seconds.items() if texts}
        results[name] = {"lines": len(texts), **{kind: counts[kind] for kind in KINDS}, **speeds}
        print(pathlib.Path(folder).name, name, results[name], flush=True)
    return results


def main(argv):
    del argv
    sources = text_sources()
    figures = {pathlib.Path(folder).name: measure(folder, sources) for folder in _TOKENIZER.value}
    rows = [[name, source, m["lines"], *(m[kind] for kind in KINDS), *(f"{m[side]:.0f}" for side in
                                                                    ("hugging face", "graph"))]
            for name, results in figures.items() for source, m in results.items() if m["lines"]]
    total = sum(row[2] for row in rows)
    rows.append(["all", "", total, *(sum(row[column] for row in rows) for column in (3, 4, 5)), "", ""])
    header = ["tokenizer", "text", "lines", "words differ", "texts differ", "offsets differ",
              "Hugging Face, lines/s", "graph, lines/s"]
    print(table(header, rows))
    if _OUT.value:
        write_page(pathlib.Path(_OUT.value), page(table(header, rows)), figures)


def page(measured: str) -> list[str]:
    """The parts of the result page."""
    import tensorflow as tf
    import tokenizers
    import transformers

    command = public_command("python benchmarks/tokenizer_parity.py " + " ".join(sys.argv[1:]))
    return ["# The tokenizers in the graph against Hugging Face's",
            environment({"tensorflow": tf.__version__, "transformers": transformers.__version__,
                         "tokenizers": tokenizers.__version__}),
            f"```sh\n{command}\n```", measured,
            "Lines on which the graph's answer is not Hugging Face's: the pieces of words split at white "
            "space, the pieces of whole texts, and the offsets of these. Speeds are of whole texts, "
            f"{_BATCH.value} in a batch, both on the same cores in turn; they compare within a row only."]


if __name__ == "__main__":
    app.run(main)
