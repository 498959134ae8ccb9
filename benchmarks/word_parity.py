"""Strings on which the rule for words in another form differs from the one in Python.

  python benchmarks/word_parity.py --data=FOLDER[,FOLDER...] [--text=FILE[,FILE...]] [--lines=3000] [--fuzzed=100000] [--rules=10]
      [--out=benchmarks/results/word_parity.md]

Each folder of `--data` has folders of languages with train.tsv and test.tsv (words, a tab, tags; plain or .xz). The
languages are put into groups; the rule of each is found from its training words, and compared in all forms
(`word_forms.FORMS`) on its sentences, which are joined to text as people write it; on the lines of the files of its names
among `--text` (de.txt.xz); and on its part of the fuzzed strings: parts of the rule, characters that it treats in their own
way, and characters of all Unicode.
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
_RULES = flags.DEFINE_integer("rules", 10, "Groups of languages, each with a rule.")
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


def folders() -> dict[str, list[pathlib.Path]]:
    """Language -> its folders of labelled data."""
    found: dict[str, list[pathlib.Path]] = {}
    for folder in sorted(path for name in _DATA.value for path in pathlib.Path(name).iterdir() if any(path.glob("train.tsv*"))):
        found.setdefault(folder.name.split("-")[0], []).append(folder)
    return found


def texts_in(language: str, places: list[pathlib.Path]) -> list[str]:
    """Sentences of a language as people write them, and lines of plain text."""
    joiner = Joiner(language)
    found = [joiner.text(words)[0] for folder in places for split in ("train", "dev", "test")
             if any(folder.glob(f"{split}.tsv*")) for words in sentences(folder, split, _LINES.value)]
    for file in map(pathlib.Path, _TEXT.value):
        if file.name.split(".")[0] == language:
            found += [line.rstrip("\n") for _, line in itertools.islice(open_lines(file), _LINES.value)]
    return found


def main(argv):
    del argv
    found, fuzz = folders(), Fuzz(0)
    languages = sorted(found)
    groups = [languages[number::_RULES.value] for number in range(min(_RULES.value, len(languages)))]
    each, natural, different = -(-_FUZZED.value // len(groups)), 0, collections.Counter()
    for group in groups:
        places = [folder for language in group for folder in found[language]]
        rule = rule_of(Example(words) for folder in places for words in sentences(folder, "train", 2000))
        texts = [text for language in group for text in texts_in(language, found[language])]
        natural += len(texts)
        texts += [*texts_of(rule), *(fuzz.text(rule) for _ in range(each))]
        wanted = [rule.split(text) for text in texts]
        for form, compare in FORMS.items():
            wrong = compare(rule, texts, wanted)
            different[form] += len(wrong)
            print(*group, len(texts), form, len(wrong), *map(ascii, wrong[:3]), flush=True)
    rows = [[form, len(languages), len(groups), natural, each * len(groups), different[form]] for form in FORMS]
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
            "bytes of UTF-8, of JavaScript in UTF-16 units. Each rule is that of the training words of several languages; its "
            "texts are their sentences, joined as people write them, and lines of Wikipedia."],
            {"different": dict(different), "languages": languages, "rules": len(groups), "texts": natural,
             "fuzzed": each * len(groups)})


if __name__ == "__main__":
    app.run(main)
