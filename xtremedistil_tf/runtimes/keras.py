"""Running the Keras student itself."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.tracing import traced_once
from xtremedistil_tf.students.model_directory import load_student


class KerasRuntime:
    """The student of a model directory.

    Args:
        model_dir: folder that a distillation run wrote.

    Raises:
        ModelLoadError: it holds none.
    """

    def __init__(self, model_dir: pathlib.Path):
        student = load_student(model_dir).student
        self._forward = traced_once(lambda batch: student(batch, training=False)["logits"])

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        inputs = {name: tf.constant(values, tf.int32) for name, values in batch.items()}
        return {"logits": self._forward(inputs).numpy()}

    def close(self) -> None:
        self._forward = None
