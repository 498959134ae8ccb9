"""Random students of every kind, and what they answer."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TASKS = {"tagging": TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]),
         "classification": ClassificationTask(["bad", "fair", "gut \u2713"]), "regression": RegressionTask(),
         "question_answering": QuestionAnsweringTask(version_2=True, null_threshold=0.5),
         "multi_label": MultiLabelTask(["bad", "gut \u2713"], thresholds=[0.4, 0.5])}


@pytest.fixture(scope="session")
def tasks():
    """A task of every kind."""
    return TASKS


@dataclasses.dataclass
class Exported:
    task: Any
    student: Any
    path: pathlib.Path

    def batch(self, lengths: list[int], time: int) -> dict[str, np.ndarray]:
        """Random pieces in rows of these lengths."""
        random = np.random.default_rng(5)
        mask = (np.arange(time) < np.array(lengths)[:, None]).astype(np.int32)
        ids = random.integers(1, self.student.shape.vocab_size, mask.shape, np.int32)
        batch = {"input_ids": ids * mask, "attention_mask": mask}
        if self.task.kind != "tagging":
            batch["token_type_ids"] = random.integers(0, 2, mask.shape, np.int32) * mask
        return batch

    def wanted(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        inputs = {name: tf.constant(values) for name, values in batch.items()}
        return self.student(inputs, training=False)["logits"].numpy()


def randomise(student) -> None:
    for variable in student.variables:
        if variable.dtype == tf.float32:
            variable.assign(variable + tf.random.normal(variable.shape, stddev=0.2))


@pytest.fixture(scope="session")
def export(tmp_path_factory, tiny_tokenizer):
    """Exports a student of a shape, by default a BiLSTM, with random weights."""
    def make(kind: str, shape=None, quantization="none", student=None) -> Exported:
        task = TASKS[kind]
        if student is None:
            tf_keras.utils.set_random_seed(4)
            student = new_student(shape or BiLSTMShape(len(tiny_tokenizer), 8, 6, 10, task.num_outputs,
                                                       per_piece=task.per_piece))
            randomise(student)
        path = tmp_path_factory.mktemp("onnx") / "model.onnx"
        assert export_onnx(path, student, tiny_tokenizer, task, quantization) == path
        return Exported(task, student, path)

    return make


@pytest.fixture(scope="session")
def checkpoint_student(tiny_tokenizer, tiny_teacher_dir):
    """A tagging student from one of the two layers of a Hugging Face checkpoint."""
    from xtremedistil_tf.students.encoders import checkpoint_encoder, load_encoder
    from xtremedistil_tf.students.transformer import TransformerShape

    encoder = checkpoint_encoder(str(tiny_teacher_dir), tiny_tokenizer, num_hidden_layers=1)
    student = new_student(TransformerShape(encoder, TASKS["tagging"].num_outputs))
    load_encoder(student, str(tiny_teacher_dir))
    return student
