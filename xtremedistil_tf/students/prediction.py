"""Answering examples with a student."""

from __future__ import annotations

from typing import Any, Iterable

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.inference import in_order, run_over
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tasks.task import Task


class StudentPredictor:
    """Answers examples of any length.

    Args:
        student: student model.
        tokenizer: its fast tokenizer.
        task: what it answers.
        batch_size: most inputs in a batch.
    """

    def __init__(self, student, tokenizer, task: Task, batch_size: int = 256):
        self._student, self._tokenizer, self._task = student, tokenizer, task
        self._batch_size = batch_size
        self._forward = tf.function(lambda batch: {"logits": student(batch, training=False)["logits"]},
                                    reduce_retracing=True)

    def predict(self, examples: Iterable[AnyExample]) -> list[Any]:
        """One prediction of the task per example, in order."""
        features = self._task.prediction_features(self._tokenizer, examples, self._student.max_length)
        return self._task.decode(features, self.logits(features.features))

    def logits(self, source: FeatureSource) -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every row of a source."""
        answers = run_over(self._forward, source, self._batch_size, self._tokenizer.pad_token_id,
                           {"logits": self._task.per_piece})
        return in_order(answers, "logits", len(source.lengths))
