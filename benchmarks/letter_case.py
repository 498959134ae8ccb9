"""Entity F1 of taggers where all words are in small letters, in capitals, or capitalised.

  python benchmarks/letter_case.py --model_dirs=DIR,DIR --teacher=DIR --data=FOLDER --languages=de,en [--lines=500]
      [--out=benchmarks/results/letter_case.md]

The words and their tags are those of the test sets; only the letters change. Students of different runs stand side by
side, such as one with `--augment=case` and one without.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pages import environment, percent, public_command, table, write_page
from xtremedistil_tf.augmentation.recasing import CASES, recased
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.evaluation.measuring import teacher_answers
from xtremedistil_tf.inference.predictor import open_predictor
from xtremedistil_tf.tasks.opening import load_task
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.tasks.tagging.task import entity_scores
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.teachers.model import Teacher

_MODELS = flags.DEFINE_list("model_dirs", None, "Folders of taggers.", required=True)
_TEACHER = flags.DEFINE_string("teacher", None, "Folder of their teacher; default: none is measured.")
_DATA = flags.DEFINE_string("data", None, "Folder of labelled data.", required=True)
_LANGUAGES = flags.DEFINE_list("languages", None, "Languages to measure.", required=True)
_LINES = flags.DEFINE_integer("lines", 500, "Test sentences of each language.")
_SEQ_LEN = flags.DEFINE_integer("seq_len", 32, "Longest input of the teacher.")
_OUT = flags.DEFINE_string("out", None, "The Markdown file to write.")
#: In the order of the page.
CASED: dict[str, Callable[[Example], Any]] = {"as written": lambda example: example} | {
    name: lambda example, case=case: recased(example, case) for name, case in CASES.items()}
Answers = Callable[[Sequence[Any]], Sequence[Sequence[str]]]


def taggers() -> dict[str, Answers]:
    """Name on the page -> what answers."""
    found: dict[str, Answers] = {}
    for folder in _MODELS.value:
        opened = open_predictor(folder, "keras")
        config = json.loads((pathlib.Path(folder) / "xtremedistil-config.json").read_text(encoding="utf-8"))
        augmented = config["config"].get("augment")
        found[f"student, --augment={augmented}" if augmented else "student"] = opened.predictor.predict
    if _TEACHER.value:
        task = make_task("tagging", opened.task.labels)
        teacher, tokenizer = Teacher(load_classifier(_TEACHER.value, task, 0), task), load_tokenizer(_TEACHER.value)
        found["teacher"] = lambda examples: teacher_answers(teacher, tokenizer, examples, _SEQ_LEN.value)
    return found


def measure(language: str, answers: Answers) -> dict[str, float]:
    """Case -> entity F1."""
    examples = load_task(_DATA.value, [language]).test[: _LINES.value]
    gold = [example.tags for example in examples]
    return {name: entity_scores(gold, answers([change(example) for example in examples]))["f1"]
            for name, change in CASED.items()}


def main(argv):
    del argv
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for name, answers in taggers().items():
        for language in _LANGUAGES.value:
            figures.setdefault(name, {})[language] = measure(language, answers)
            print(name, language, figures[name][language], flush=True)
    rows = []
    for name, by_language in figures.items():
        for case in CASED:
            scores = [scores[case] for scores in by_language.values()]
            rows.append([name, case, percent(sum(scores) / len(scores)), *map(percent, scores)])
    measured = table(["tagger", "letters", "mean F1", *_LANGUAGES.value], rows)
    print(measured)
    if _OUT.value:
        import tensorflow as tf

        command = public_command("python benchmarks/letter_case.py " + " ".join(sys.argv[1:]))
        write_page(pathlib.Path(_OUT.value), [
            "# Letters in another case", environment({"python": sys.version.split()[0], "tensorflow": tf.__version__}),
            f"```sh\n{command}\n```", measured,
            f"Entity F1 on {_LINES.value} test sentences of each language at most."], {"taggers": figures})


if __name__ == "__main__":
    app.run(main)
