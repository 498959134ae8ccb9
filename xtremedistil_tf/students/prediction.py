"""Answering examples with a student, in whatever form it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.inference import in_order, run_over
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.batching.tracing import traced_once
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tasks.task import Task


class Predictor:
    """Answers examples of any length.

    Args:
        forward: padded batch, int32 [batch, time] `input_ids`, `attention_mask` and what else the task's
            features have -> `logits` float32 [batch, time, outputs], or [batch, outputs].
        tokenizer: the student's fast tokenizer.
        task: what it answers.
        max_length: most pieces that it takes; None: any number.
        batch_size: most inputs in a batch.
    """

    def __init__(self, forward: Callable[[dict[str, tf.Tensor]], Mapping[str, Any]], tokenizer: Any, task: Task,
                 max_length: int | None, batch_size: int = 256):
        self._forward, self._tokenizer, self._task = forward, tokenizer, task
        self._max_length, self._batch_size = max_length, batch_size

    def predict(self, examples: Iterable[AnyExample]) -> list[Any]:
        """One prediction of the task per example, in order."""
        features = self._task.prediction_features(self._tokenizer, examples, self._max_length)
        return self._task.decode(features, self.logits(features.features))

    def logits(self, source: FeatureSource) -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every row of a source."""
        answers = run_over(self._forward, source, self._batch_size, self._tokenizer.pad_token_id,
                           {"logits": self._task.per_piece})
        return in_order(answers, "logits", len(source.lengths))


class StudentPredictor(Predictor):
    """Answers with the Keras student itself.

    Args:
        student: student model.
        tokenizer, task, batch_size: see `Predictor`.
    """

    def __init__(self, student: Any, tokenizer: Any, task: Task, batch_size: int = 256):
        forward = traced_once(lambda batch: {"logits": student(batch, training=False)["logits"]})
        super().__init__(forward, tokenizer, task, student.max_length, batch_size)
