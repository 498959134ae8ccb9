"""Answering examples with the Keras student itself."""

from __future__ import annotations

from typing import Any

from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.runtimes.keras import KerasRuntime
from xtremedistil_tf.tasks.task import Task


class StudentPredictor(Predictor):
    """Answers with the Keras student itself.

    Args:
        student: student model.
        tokenizer, task, batch_size: see `Predictor`.
    """

    def __init__(self, student: Any, tokenizer: Any, task: Task, batch_size: int = 256):
        super().__init__(KerasRuntime(student).forward, tokenizer, task, student.max_length, batch_size)
