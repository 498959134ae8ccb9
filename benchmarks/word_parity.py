"""Strings on which the rule for words in another form differs from the one in Python.

  python benchmarks/word_parity.py --data=FOLDER[,FOLDER...] [--text=FILE[,FILE...]] [--lines=3000] [--fuzzed=100000]
      [--out=benchmarks/results/word_parity.md]

Each folder of `--data` has folders of languages with train.tsv and test.tsv (words, a tab, tags; plain or .xz). The rule
of each language is found from its training words, and compared in all forms (`word_forms.FORMS`) on its sentences, which
are joined to text as people write it; on the lines of the files of its name among `--text` (de.txt.xz); and on its part
of the fuzzed strings: characters that the rule treats in its own way, and characters of all Unicode.
"""

from __future__ import annotations

import collections
import itertools
import os
import pathlib
import platform
import random
import subprocess
import sys
import unicodedata
from importlib import metadata

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from joining import Joiner
from pages import environment, public_command, table, write_page
from word_forms import FORMS, sentences
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import open_lines
from xtremedistil_tf.tokenization.raw_words import ADDRESS, RawWords
from xtremedistil_tf.tokenization.word_habits import rule_of
from xtremedistil_tf.tokenization.word_vectors import texts_of

_DATA = flags.DEFINE_list("data", None, "Folders of languages.", required=True)
_TEXT = flags.DEFINE_list("text", [], "Files of plain text.")
_LINES = flags.DEFINE_integer("lines", 3000, "Sentences of each file.")
_FUZZED = flags.DEFINE_integer("fuzzed", 100000, "Strings that are made up.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")

_SPECIAL = ("aAbbJSt107я的タกั́👩👍🏽🇩🇪❤️\u200d\u200b\u200f\u00ad\u0301\u0903 \u00a0\n\x1e''’’....,:/"
            "#@%।()（）「」“”«»\"-–_+…،。、。・〜<$lqun")


class Fuzz:
    """Makes up strings.

    Args:
        seed: of the random numbers.
    """

    def __init__(self, seed: int):
        self._draw = random.Random(seed)
        self._characters = [chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) not in ("Cs", "Cn")]

    def text(self, rule: RawWords) -> str:
        """A string, with parts of the rule in it."""
        draw, own = self._draw, [*rule.beginnings, *rule.endings, *rule.abbreviations, *rule.kept_before, *rule.kept_after,
                                 *rule.parted, ADDRESS]
        ways = [lambda: draw.choice(_SPECIAL)] * 6 + [lambda: draw.choice(self._characters),
                                                      lambda: chr(draw.randrange(0x20, 0x800))]
        ways += [lambda: draw.choice(own)] * 2
        return "".join(draw.choice(ways)() for _ in range(draw.randint(0, 16)))


def rules() -> dict[str, tuple[str, RawWords, list[str]]]:
    """Data set and language -> language, its rule and its texts."""
    found = {}
    for folder in sorted(path for name in _DATA.value for path in pathlib.Path(name).iterdir() if any(path.glob("train.tsv*"))):
        language = folder.name.split("-")[0]
        rule, joiner = rule_of(Example(words) for words in sentences(folder, "train", 20000)), Joiner(language)
        texts = [joiner.text(words)[0] for split in ("train", "dev", "test") if any(folder.glob(f"{split}.tsv*"))
                 for words in sentences(folder, split, _LINES.value)]
        for file in _TEXT.value:
            if pathlib.Path(file).name.split(".")[0] == folder.name and not any(one == language for one, *_ in found.values()):
                texts += [line.rstrip("\n") for _, line in itertools.islice(open_lines(pathlib.Path(file)), _LINES.value)]
        found[f"{folder.parent.name}/{folder.name}"] = language, rule, texts
    return found


def main(argv):
    del argv
    found, fuzz = rules(), Fuzz(0)
    each = -(-_FUZZED.value // len(found))
    natural = sum(len(texts) for *_, texts in found.values())
    print(f"{len(found)} rules, {natural} texts, {each * len(found)} fuzzed", flush=True)
    different: collections.Counter[str] = collections.Counter()
    for name, (_, rule, texts) in found.items():
        compared = [*texts_of(rule), *texts, *(fuzz.text(rule) for _ in range(each))]
        wrong = {form: compare(rule, compared) for form, compare in FORMS.items()}
        print(name, len(compared), {form: len(texts) for form, texts in wrong.items()},
              *(ascii(text) for texts in wrong.values() for text in texts[:3]), flush=True)
        different.update({form: len(texts) for form, texts in wrong.items()})
    languages = {language for language, *_ in found.values()}
    rows = [[form, len(languages), len(found), natural, each * len(found), different[form]] for form in FORMS]
    measured = table(["form", "languages", "rules", "texts", "fuzzed strings", "differ from Python"], rows)
    print(measured)
    if _OUT.value:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        command = public_command("python benchmarks/word_parity.py " + " ".join(sys.argv[1:]))
        versions = {"python": platform.python_version(), "node": node,
                    **{name: metadata.version(name) for name in ("tensorflow", "tensorflow-text", "ai-edge-litert")}}
        write_page(pathlib.Path(_OUT.value), [
            "# Words of raw text in every form", environment(versions), f"```sh\n{command}\n```", measured,
            "A text counts as different where a word or an offset is: of graphs in Unicode characters, of TensorFlow Lite in "
            "bytes of UTF-8, of JavaScript in UTF-16 units. Each rule is that of a data set's training words; its texts are "
            "its sentences, joined as people write them, and lines of Wikipedia."],
            {"different": dict(different), "languages": sorted(languages), "rules": len(found), "texts": natural,
             "fuzzed": each * len(found)})


if __name__ == "__main__":
    app.run(main)
