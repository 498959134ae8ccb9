"""A distilled tagger beside what people would use instead: same labels, same core, one run.

  XTREMEDISTIL_DATA=... python benchmarks/rivals_tagging.py --teacher=FOLDER --work=DIR

--teacher is a local folder of all-MiniLM-L6-v2 or another encoder. English WikiANN: the teacher; BiLSTM and
transformer students of it, and the same on labels alone; spaCy's small NER, on labels alone and on the
teacher's answers, in the environment of --python (`pip install spacy`); and the shapes of DistilBERT and
MiniLM. What is done is not done again: the same command goes on where an interrupted one stopped.
"""

from __future__ import annotations

import logging
import pathlib
import sys

from absl import app, flags

import runs
from rivals import comparing
from rivals.bench import Bench
from rivals.comparing import FORMS, LABELLED, ONNX, TEACHER, TEST, TEXTS, compare, teacher, transformer
from rivals.preparing import Wanted
from rivals.results import write_results

flags.adopt_module_key_flags(comparing)
_OUT = flags.DEFINE_string("out", "benchmarks/results/rivals_tagging.md", "The page to write.")
_PYTHON = flags.DEFINE_string("python", sys.executable, "Python that has spaCy.")
_DATA = flags.DEFINE_string("data", "ner-wikiann/en", "Task folder below XTREMEDISTIL_DATA.")
_MORE = flags.DEFINE_list("more", ["unlabeled-wiki/en.txt.xz"], "More unlabeled text, below that too.")
_TRANSFER = flags.DEFINE_integer("transfer", 40_000, "Sentences for distillation, labelled ones included.")
_DEV = flags.DEFINE_integer("dev", 1000, "Dev sentences.")
_ONLY = flags.DEFINE_list("only", [], "Groups to run, of bilstm, teacher, spacy, transformer and shapes; "
                          "empty: all. bilstm makes the teacher and the transfer store that the others use.")
_FLAGFILE = flags.DEFINE_string("student_flags", "benchmarks/settings/rivals_tagging.cfg", "Of the students.")
_LAYERS = flags.DEFINE_multi_integer("layers", [3, 6], "Layers of a transformer student; one flag for each.")
_SPACY_STEPS = flags.DEFINE_integer("spacy_steps", 0, "Most training steps of spaCy; 0: its default.")


def bilstm(bench: Bench) -> None:
    for size, units in ((50, 200), (128, 128)):
        bench.student(f"BiLSTM E={size} H={units}",
                      {"pt_teacher_checkpoint": TEACHER.value, "embedding_size": size, "lstm_units": units,
                       "direct_baseline": "true"}, [_FLAGFILE.value], FORMS)


def spacy(bench: Bench) -> None:
    steps = {"max_steps": _SPACY_STEPS.value} if _SPACY_STEPS.value else {}
    bench.rival("spaCy small NER, labels alone", "spaCy", "spacy_ner", outside=True, **steps)
    bench.rival("spaCy small NER, the teacher's answers", "spaCy", "spacy_ner", outside=True,
                examples=bench.teachers_examples, **steps)


def transformers(bench: Bench) -> None:
    for layers in _LAYERS.value:
        transformer(bench, layers, _FLAGFILE.value)


def shapes(bench: Bench) -> None:
    for name, layers, width in (("DistilBERT's shape, 6 x 768", 6, 768),
                                ("MiniLM's shape, 12 x 384", 12, 384)):
        bench.shape(name, TEACHER.value, layers, width, ONNX)


GROUPS = {"bilstm": bilstm, "teacher": teacher, "spacy": spacy, "transformer": transformers, "shapes": shapes}


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data = runs.data_folder()
    wanted = Wanted(data / _DATA.value, "tagging", LABELLED.value, _TRANSFER.value, _DEV.value, TEST.value,
                    tuple(data / file for file in _MORE.value))
    bench = compare(wanted, GROUPS, _ONLY.value, _PYTHON.value)
    write_results(pathlib.Path(_OUT.value), "A distilled tagger and its rivals",
                  [(_DATA.value, "entity F1", bench)], TEXTS.value, " ".join(sys.argv))


if __name__ == "__main__":
    app.run(main)
