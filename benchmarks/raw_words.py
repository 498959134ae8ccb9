"""How many of a labelled data set's words come back from text: split at white space, and by the rule of its labels.

  python benchmarks/raw_words.py --data=FOLDER[,FOLDER...] [--train=20000] [--lines=1000]
      [--out=benchmarks/results/raw_words.md]

Each folder has train.tsv and test.tsv (words, a tab, tags; plain or .xz). The rule is found from the training words
(`tokenization.word_habits.rule_of`). The words of the test sentences are joined to text as people write it: no space
before closing marks and after opening ones, none between characters of scripts without spaces, quotes in turn. The
rule's words are then compared with the labelled ones: F1 of their places in the text. On every joined line the rule in
a TensorFlow graph is compared with the one in Python.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from joining import Joiner, f1
from pages import environment, percent, public_command, table, write_page
from word_forms import different_in_graph, sentences
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of

_DATA = flags.DEFINE_list("data", None, "Folders of labelled data.", required=True)
_TRAIN = flags.DEFINE_integer("train", 20000, "Training sentences that the rule is found from.")
_LINES = flags.DEFINE_integer("lines", 1000, "Test sentences.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")


def _spans(words: Sequence[str]) -> list[tuple[int, int]]:
    """Places of words with a space between them."""
    ends = list(itertools.accumulate(len(word) + 1 for word in words))
    return [(end - 1 - len(word), end - 1) for word, end in zip(words, ends)]


def measure(folder: pathlib.Path) -> dict[str, Any]:
    """Figures of one data set."""
    rule = rule_of(Example(words) for words in sentences(folder, "train", _TRAIN.value))
    joiner = Joiner(folder.name[:2])
    joined = [joiner.text(words) for words in sentences(folder, "test", _LINES.value)]
    texts, wanted = [text for text, _ in joined], [spans for _, spans in joined]
    found = {"lines": len(texts), "rule": rule.facts(), "described": described(rule)}
    for name, one in (("whitespace", RawWords()), ("found", rule)):
        found[name] = f1(wanted, ([(word.start, word.end) for word in one.split(text)] for text in texts))
    found["parted"] = f1(*zip(*((_spans(words), [(word.start, word.end) for word in rule.split(" ".join(words))])
                                for words in sentences(folder, "test", _LINES.value))))
    found["different"] = len(different_in_graph(rule, texts, [rule.split(text) for text in texts]))
    print(folder.parent.name, folder.name, found["lines"], f"{found['whitespace']:.4f} {found['found']:.4f} {found['parted']:.4f}",
          found["different"], found["described"], flush=True)
    return found


def main(argv):
    del argv
    folders = [pathlib.Path(name) for name in _DATA.value]
    figures = {f"{folder.parent.name}/{folder.name}": measure(folder) for folder in folders}
    rows = [[name, m["lines"], percent(m["whitespace"]), percent(m["found"]), percent(m["parted"]), m["different"]]
            for name, m in figures.items()]
    measured = table(["data", "lines", "white space, F1", "rule, F1", "rule on parted text, F1", "graph differs"], rows)
    rules = table(["data", "rule"], [[name, m["described"].replace("|", r"\|")] for name, m in figures.items()])
    print(measured)
    if _OUT.value:
        import tensorflow as tf

        command = public_command("python benchmarks/raw_words.py " + " ".join(sys.argv[1:]))
        write_page(pathlib.Path(_OUT.value), [
            "# Words of raw text", environment({"python": sys.version.split()[0], "tensorflow": tf.__version__}),
            f"```sh\n{command}\n```", measured,
            "F1 of the places of words in test sentences that were joined to text as people write it, by white space "
            "and by the rule found from the training words; by the rule on the same sentences with a space between all "
            "words; and lines on which the rule's graph differs from Python.",
            "## Rules", rules], figures)


if __name__ == "__main__":
    app.run(main)
