"""A model directory for each kind of task, with the student in forms that need no TensorFlow."""

from __future__ import annotations

import dataclasses
import pathlib
import pickle
import random
from typing import Any

import pytest

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample

LONG = " ".join(random.Random(0).choices("the old house near wien and oslo left".split(), k=60))
TEXTS = ["anna met boris in paris .", "москва", LONG, "göran left ,", "", "left"]
LABELS = {"tagging": ["O", "B-LOC", "I-LOC"], "classification": ["bad", "good"], "regression": ["score"],
          "question_answering": ["start", "end"]}
EXAMPLES: dict[str, list[Any]] = {
    "tagging": [Example(tuple(text.split())) for text in TEXTS],
    "classification": [TextExample(text) for text in TEXTS],
    "regression": [TextExample(*pair) for pair in zip(TEXTS, TEXTS[::-1])],
    "question_answering": [QuestionExample("", *pair) for pair in zip(TEXTS[::-1], TEXTS)]}


@dataclasses.dataclass(frozen=True)
class Models:
    """Attributes:
        folder: a model directory for each kind of task, named by it; `examples.pickle` by kind.
        expected: the Keras student's answers by kind.
    """

    folder: pathlib.Path
    expected: dict[str, list[Any]]


@pytest.fixture(scope="session")
def models(made_once, tiny_tokenizer):
    folder = made_once("inference", lambda root: _fill(root, tiny_tokenizer))
    return Models(folder, pickle.loads((folder / "expected.pickle").read_bytes()))


def _fill(root: pathlib.Path, tokenizer: Any) -> None:
    import tensorflow as tf
    import tf_keras

    from xtremedistil_tf.config import DistillationConfig
    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.export.tflite import export_tflite
    from xtremedistil_tf.inference.predictor import StudentPredictor
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.metadata import exported_path
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.registry import make_task

    expected = {}
    for kind, labels in LABELS.items():
        tf_keras.utils.set_random_seed(4)
        task = make_task(kind, labels)
        student = new_student(BiLSTMShape(len(tokenizer), 8, 6, 10, task.num_outputs, per_piece=task.per_piece))
        for variable in student.variables:
            variable.assign(tf.random.normal(variable.shape, stddev=0.5))
        save_student(root / kind, student, tokenizer, task, DistillationConfig(task="t").to_json())
        export_onnx(exported_path(root / kind, "onnx"), student, tokenizer, task, "none")
        export_tflite(exported_path(root / kind, "tflite").parent, student, tokenizer, task, "none")
        expected[kind] = StudentPredictor(student, tokenizer, task).predict(EXAMPLES[kind])
    (root / "expected.pickle").write_bytes(pickle.dumps(expected))
    (root / "examples.pickle").write_bytes(pickle.dumps(EXAMPLES))
