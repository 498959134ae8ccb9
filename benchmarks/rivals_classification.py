"""Distilled classifiers beside what people would use instead: same labels, same core, one run.

  XTREMEDISTIL_DATA=... python benchmarks/rivals_classification.py --teacher=FOLDER --work=DIR

--teacher is a local folder of all-MiniLM-L6-v2 or another BERT. On a part of AG News and on SST-2: the
teacher; BiLSTM and transformer students of it, and the same on labels alone; `keras.distillation.Distiller`
of Keras 3 on the same BiLSTM, in the environment of --python (Keras 3.12 and TensorFlow); TF-IDF and static
embeddings (as model2vec makes them) with logistic regression, on labels alone and on the teacher's answers.
What is done is not done again: the same command goes on where an interrupted one stopped.
"""

from __future__ import annotations

import logging
import pathlib
import sys

from absl import app, flags

import runs
from rivals import comparing
from rivals.bench import Bench
from rivals.comparing import FORMS, LABELLED, TEACHER, TEST, TEXTS, compare, teacher, transformer
from rivals.preparing import Wanted
from rivals.results import write_results

flags.adopt_module_key_flags(comparing)
_OUT = flags.DEFINE_string("out", "benchmarks/results/rivals_classification.md", "The page to write.")
_PYTHON = flags.DEFINE_string("python", sys.executable, "Python that has Keras 3.12 or newer.")
_DATA = flags.DEFINE_list("data", ["agnews", "glue-sst2"], "Task folders below XTREMEDISTIL_DATA.")
_TRANSFER = flags.DEFINE_integer("transfer", 20_000, "Texts for distillation, the labelled ones among them.")
_DEV = flags.DEFINE_integer("dev", 500, "Dev texts.")
_ONLY = flags.DEFINE_list("only", [], "Groups to run, of bilstm, teacher, keras, transformer, tfidf, static; "
                          "empty: all. bilstm makes the teacher and the transfer store that the others use.")
_FLAGFILE = flags.DEFINE_string("student_flags", "benchmarks/settings/rivals_classification.cfg", "Of the students.")
_KERAS_EPOCHS = flags.DEFINE_integer("keras_epochs", 10, "Most epochs of each of the Distiller's trainings.")

_SIZES = {"embedding_size": 50, "lstm_units": 200}


def bilstm(bench: Bench) -> None:
    bench.student("BiLSTM E=50 H=200", _SIZES | {"pt_teacher_checkpoint": TEACHER.value,
                                                 "direct_baseline": "true"}, [_FLAGFILE.value], FORMS)


def keras(bench: Bench) -> None:
    shared = _SIZES | {"store": bench.store, "checkpoint": bench.teacher_path,
                       "distil_epochs": _KERAS_EPOCHS.value, "ft_epochs": _KERAS_EPOCHS.value}
    for name, how, loss, start in (
            ("labelled examples, its default loss", "labelled", "default", "random"),
            ("labelled examples, KL", "labelled", "kl", "random"),
            ("transfer text, then labelled examples, KL", "transfer", "kl", "random"),
            ("the same, from the teacher's word embeddings", "transfer", "kl", "svd")):
        bench.rival(f"BiLSTM E=50 H=200, Keras Distiller: {name}", "Keras 3, TensorFlow", "keras_distiller",
                    outside=True, how=how, loss=loss, start=start, **shared)


def small_transformer(bench: Bench) -> None:
    transformer(bench, 3, _FLAGFILE.value)


def tfidf(bench: Bench) -> None:
    bench.rival("TF-IDF, logistic regression, labels alone", "scikit-learn", "tfidf")
    bench.rival("TF-IDF, logistic regression, the teacher's answers", "scikit-learn", "tfidf",
                examples=bench.teachers_examples)


def static(bench: Bench) -> None:
    shared = {"checkpoint": TEACHER.value}
    bench.rival("static embeddings, labels alone", "NumPy", "static_embeddings", **shared)
    bench.rival("static embeddings, the teacher's answers", "NumPy", "static_embeddings",
                examples=bench.teachers_examples, **shared)


GROUPS = {"bilstm": bilstm, "teacher": teacher, "keras": keras, "transformer": small_transformer, "tfidf": tfidf,
          "static": static}


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data, benches = runs.data_folder(), []
    for name in _DATA.value:
        wanted = Wanted(data / name, "classification", LABELLED.value, _TRANSFER.value, _DEV.value, TEST.value)
        benches.append((name, "accuracy", compare(wanted, GROUPS, _ONLY.value, _PYTHON.value)))
    write_results(pathlib.Path(_OUT.value), "Distilled classifiers and their rivals", benches, TEXTS.value,
                  " ".join(sys.argv))


if __name__ == "__main__":
    app.run(main)
