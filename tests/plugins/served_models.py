"""Tiny models of every kind, really exported, and a server of both protocols on the loopback interface.

Fixtures for the folders whose conftest imports them.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@dataclasses.dataclass
class Exported:
    task: Any
    student: Any
    path: pathlib.Path
    predict: Callable


def table_student(vocab_size: int, task):
    """A student that is exported at once: its answers depend on every piece and its place."""
    import tensorflow as tf

    class TableStudent:
        max_length = 16

        def __init__(self):
            values = np.random.default_rng(5).normal(size=(vocab_size, task.num_outputs)).astype(np.float32)
            self.variables = [tf.Variable(values)]

        def __call__(self, inputs, training=False):
            mask = tf.cast(inputs["attention_mask"], tf.float32)[..., None]
            place = tf.cast(tf.range(tf.shape(mask)[1]), tf.float32)[:, None]
            own = tf.gather(self.variables[0], inputs["input_ids"]) * mask * (1.0 + 0.3 * tf.cos(place))
            whole = tf.reduce_sum(own, 1) / tf.reduce_sum(mask, 1)
            return {"logits": own + 0.5 * whole[:, None] if task.per_piece else whole}

    return TableStudent()


@pytest.fixture(scope="session")
def exported(made_once, tiny_tokenizer):
    """kind -> a random student of that kind, its SavedModel, and its own answers."""
    from xtremedistil_tf.export.saved_model import export_saved_model
    from xtremedistil_tf.inference.predictor import StudentPredictor
    from xtremedistil_tf.tasks.registry import make_task

    labels = {"tagging": ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], "classification": ["bad", "fair", "good"],
              "regression": ["score"], "question_answering": ["start", "end"], "multi_label": ["art", "law", "war"]}
    found: dict[str, Exported] = {}

    def make(kind: str) -> Exported:
        if kind not in found:
            task = make_task(kind, labels[kind])
            student = table_student(len(tiny_tokenizer), task)
            path = made_once(f"serving-{kind}", lambda folder: export_saved_model(
                folder / "saved_model", student, tiny_tokenizer, task, pairs=kind == "regression")) / "saved_model"
            found[kind] = Exported(task, student, path, StudentPredictor(student, tiny_tokenizer, task).predict)
        return found[kind]

    return make


@pytest.fixture(scope="session")
def model_server_module():
    import model_server  # which takes gRPC and TensorFlow with it

    return model_server


@pytest.fixture
def server(model_server_module, monkeypatch):
    """A server without models: `server.served.add(name, version, path)`."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with model_server_module.ModelServer() as running:
        yield running
