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
import os
import pathlib
import sys

from absl import app, flags

from rivals.bench import Bench
from rivals.preparing import Wanted, prepare
from rivals.results import write_results

_TEACHER = flags.DEFINE_string("teacher", None, "Local folder of the teacher's checkpoint.", required=True)
_WORK = flags.DEFINE_string("work", None, "Folder of data, models and figures.", required=True)
_OUT = flags.DEFINE_string("out", "benchmarks/results/rivals_classification.md", "The page to write.")
_PYTHON = flags.DEFINE_string("python", sys.executable, "Python that has Keras 3.12 or newer.")
_DATA = flags.DEFINE_list("data", ["agnews", "glue-sst2"], "Task folders below XTREMEDISTIL_DATA.")
_LABELLED = flags.DEFINE_integer("labelled", 2000, "Labelled texts.")
_TRANSFER = flags.DEFINE_integer("transfer", 20_000, "Texts for distillation, the labelled ones among them.")
_DEV = flags.DEFINE_integer("dev", 500, "Dev texts.")
_TEST = flags.DEFINE_integer("test", 5000, "Test texts.")
_SECONDS = flags.DEFINE_float("seconds", 3.0, "Seconds for each figure of speed.")
_TEXTS = flags.DEFINE_integer("texts", 1000, "Test texts that words a second are measured on.")
_ONLY = flags.DEFINE_list("only", [], "Groups to run, of bilstm, teacher, keras, transformer, tfidf, static; "
                          "empty: all. bilstm makes the teacher and the transfer store that the others use.")
_FLAGFILE = flags.DEFINE_string("student_flags", "flags/rivals_classification.cfg", "Of the students.")
_TRANSFORMER_FLAGFILE = flags.DEFINE_string("transformer_flags", "flags/rivals_transformer.cfg",
                                            "Of the transformer students, after --student_flags.")
_KERAS_EPOCHS = flags.DEFINE_integer("keras_epochs", 10, "Most epochs of each of the Distiller's trainings.")

_SIZES = {"embedding_size": 50, "lstm_units": 200}
_FORMS = ("saved_model none", "tflite dynamic", "onnx none", "onnx int8")
_ONNX = ("onnx none", "onnx int8")


def bilstm(bench: Bench) -> None:
    bench.student("BiLSTM E=50 H=200", _SIZES | {"pt_teacher_checkpoint": _TEACHER.value,
                                                 "direct_baseline": "true"}, [_FLAGFILE.value], _FORMS)


def teacher(bench: Bench) -> None:
    bench.teacher(("tensorflow", "onnx none", "onnx int8"))


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


def transformer(bench: Bench) -> None:
    bench.student("transformer 3 x 384 of the teacher's layers",
                  {"pt_teacher_checkpoint": _TEACHER.value, "pt_student_checkpoint": _TEACHER.value,
                   "num_hidden_layers": 3, "teacher_model_dir": bench.teacher_path},
                  [_FLAGFILE.value, _TRANSFORMER_FLAGFILE.value], _ONNX)


def tfidf(bench: Bench) -> None:
    bench.rival("TF-IDF, logistic regression, labels alone", "scikit-learn", "tfidf")
    bench.rival("TF-IDF, logistic regression, the teacher's answers", "scikit-learn", "tfidf",
                examples=bench.teachers_examples)


def static(bench: Bench) -> None:
    shared = {"checkpoint": _TEACHER.value}
    bench.rival("static embeddings, labels alone", "NumPy", "static_embeddings", **shared)
    bench.rival("static embeddings, the teacher's answers", "NumPy", "static_embeddings",
                examples=bench.teachers_examples, **shared)


GROUPS = {"bilstm": bilstm, "teacher": teacher, "keras": keras, "transformer": transformer, "tfidf": tfidf,
          "static": static}


def run_all(source: pathlib.Path, work: pathlib.Path) -> Bench:
    """Everything that is asked for, on one data set."""
    wanted = Wanted(source, "classification", _LABELLED.value, _TRANSFER.value, _DEV.value, _TEST.value)
    bench = Bench(prepare(wanted, work / "data"), work, _SECONDS.value, _TEXTS.value, _PYTHON.value)
    for name, group in GROUPS.items():
        if not _ONLY.value or name in _ONLY.value:
            group(bench)
    return bench


def main(argv):
    del argv
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    data, work = pathlib.Path(os.environ["XTREMEDISTIL_DATA"]), pathlib.Path(_WORK.value).resolve()
    benches = [(name, "accuracy", run_all(data / name, work)) for name in _DATA.value]
    write_results(pathlib.Path(_OUT.value), "Distilled classifiers and their rivals", benches, _TEXTS.value,
                  " ".join(sys.argv))


if __name__ == "__main__":
    app.run(main)
