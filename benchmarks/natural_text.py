"""Entity F1 of a student on text as people write it, beside its F1 on the same sentences split into words.

  python benchmarks/natural_text.py --model_dir=DIR --data=FOLDER --languages=de,en [--lines=500] [--train=2000]
      [--out=benchmarks/results/natural_text.md]

The folder has a folder for each language with train.tsv and test.tsv. Test sentences are joined to text as people write it
(`joining.Joiner`). Entities are compared by type and place in that text, so that a mark too much is a fault. The student
answers words that are given, text split at white space, and text split by the rule that the training words give
(`tokenization.word_habits.rule_of`).
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
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.inference.predictor import open_predictor
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.raw_text import asked
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.decoding import entities
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_habits import described, rule_of

_MODEL = flags.DEFINE_string("model_dir", None, "Folder of a tagger.", required=True)
_DATA = flags.DEFINE_string("data", None, "Folder of labelled data.", required=True)
_LANGUAGES = flags.DEFINE_list("languages", None, "Languages to measure.", required=True)
_LINES = flags.DEFINE_integer("lines", 500, "Test sentences of each language.")
_TRAIN = flags.DEFINE_integer("train", 2000, "Training sentences of each language that the rule is found from.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")

Place = tuple[str, int, int]
Spans = Sequence[tuple[int, int]]


class Tagger:
    """A student that can be asked with any rule for words.

    Args:
        model_dir: its folder.
    """

    def __init__(self, model_dir: str):
        self._opened = open_predictor(pathlib.Path(model_dir))

    def places(self, given: Sequence[str], rule: RawWords) -> list[set[Place]]:
        """The entities of texts: (type, first character, the one after the last)."""
        own = self._opened.task
        task = make_task(own.kind, own.labels, **own.options | {"raw_words": rule.facts()})
        rows = [asked(task, text, number) for number, text in enumerate(given, 1)]
        return [{(entity.type, entity.start, entity.end) for entity in answer}
                for answer in self._opened.predictor.answers(rows, None)]

    def places_of_words(self, words: Sequence[Sequence[str]], spans: Sequence[Spans]) -> list[set[Place]]:
        """The entities of sentences whose words are given, placed in the joined text."""
        tags = self._opened.predictor.predict([Example(tuple(row)) for row in words])
        return [self.tagged(row, places) for row, places in zip(tags, spans)]

    def tagged(self, tags: Sequence[str], spans: Spans) -> set[Place]:
        """The entities of tags whose words stand at these places."""
        return {(entity.type, spans[entity.first][0], spans[entity.last][1])
                for entity in entities(tags, self._opened.task.labels)}


def measure(tagger: Tagger, language: str, rule: RawWords) -> dict[str, Any]:
    """Figures of one language."""
    corpus = load_task(_DATA.value, [language])
    examples = corpus.test[: _LINES.value]
    joined = [Joiner(language).text(example.words) for example in examples]
    texts, spans = [text for text, _ in joined], [places for _, places in joined]
    wanted = [tagger.tagged(example.tags, places) for example, places in zip(examples, spans)]
    found = {"sentences": len(texts),
             "words": f1(wanted, tagger.places_of_words([example.words for example in examples], spans)),
             "whitespace": f1(wanted, tagger.places(texts, RawWords())), "rule": f1(wanted, tagger.places(texts, rule))}
    print(language, found, flush=True)
    return found


def main(argv):
    del argv
    train = itertools.chain.from_iterable(
        load_task(_DATA.value, [language]).train[: _TRAIN.value] for language in _LANGUAGES.value)
    rule, tagger = rule_of(train), Tagger(_MODEL.value)
    print(described(rule))
    figures = {language: measure(tagger, language, rule) for language in _LANGUAGES.value}
    rows = [[name, m["sentences"], *(percent(m[key]) for key in ("words", "whitespace", "rule"))]
            for name, m in figures.items()]
    measured = table(["language", "sentences", "words given, F1", "text at white space, F1", "text by the rule, F1"], rows)
    print(measured)
    if _OUT.value:
        import tensorflow as tf

        command = public_command("python benchmarks/natural_text.py " + " ".join(sys.argv[1:]))
        write_page(pathlib.Path(_OUT.value), [
            "# Text as people write it", environment({"python": sys.version.split()[0], "tensorflow": tf.__version__}),
            f"```sh\n{command}\n```", measured,
            "Entity F1 by type and place in the joined text, of one student: words given as the data splits them; text "
            f"split at white space; text split by the rule of the training words ({described(rule)})."],
            {"languages": figures, "rule": rule.facts()})


if __name__ == "__main__":
    app.run(main)
