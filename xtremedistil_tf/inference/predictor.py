"""Answering examples with a student, in whatever form it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.batching.inference import in_order, run_over
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tasks.raw_text import Asked
from xtremedistil_tf.tasks.task import PredictionFeatures, Task


class Predictor:
    """Answers examples of any length.

    Args:
        forward: padded batch, int32 [batch, time] `input_ids`, `attention_mask` and what else the task's
            features have -> `logits` float32 [batch, time, outputs], or [batch, outputs].
        tokenizer: the student's fast tokenizer, or its `LightTokenizer`.
        task: what it answers.
        max_length: most pieces that it takes; None: any number.
        batch_size: most inputs in a batch.
    """

    def __init__(self, forward: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], tokenizer: Any, task: Task,
                 max_length: int | None, batch_size: int = 256):
        self._forward, self._tokenizer, self._task = forward, tokenizer, task
        self._max_length, self._batch_size = max_length, batch_size

    def predict(self, examples: Iterable[AnyExample]) -> list[Any]:
        """One prediction of the task per example, in order."""
        return self._task.decode(*self._answered(examples))

    def calibrated(self, dev: Sequence[AnyExample]) -> Task:
        """The task with what it chooses for this model on labelled examples, see `Task.calibrated`."""
        return self._task.calibrated(dev, lambda: self._answered(dev)[1])

    def dev_scores(self, dev: Sequence[AnyExample]) -> dict[str, Any]:
        """The task's scores on labelled examples, on which it is calibrated too."""
        features, logits = self._answered(dev)
        task = self._task.calibrated(dev, lambda: logits)
        return task.scores(dev, task.decode(features, logits))

    def _answered(self, examples: Iterable[AnyExample],
                  batch_size: int | None = None) -> tuple[PredictionFeatures, list[np.ndarray]]:
        features = self._task.prediction_features(self._tokenizer, examples, self._max_length)
        return features, self.logits(features.features, batch_size)

    def answers(self, asked: Sequence[Asked], batch_size: int | None = None) -> list[Any]:
        """Answers to raw text, see `RawText`, in order."""
        task = self._task
        features, logits = self._answered([one.example for one in asked], batch_size)
        predictions = task.decode_scored(features, logits)
        return [task.raw_text.answer(task, one, prediction) for one, prediction in zip(asked, predictions)]

    def logits(self, source: FeatureSource, batch_size: int | None = None) -> list[np.ndarray]:
        """float32 [pieces, outputs] or [outputs] of every row of a source."""
        answers = run_over(self._forward, source, batch_size or self._batch_size, self._tokenizer.pad_token_id,
                           {"logits": self._task.per_piece})
        return in_order(answers, "logits", len(source.lengths))
