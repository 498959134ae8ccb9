"""Tagging sentences with a student."""

from __future__ import annotations

from typing import Sequence

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.pipeline import padded_batches
from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.tasks.tagging import decode, prediction_features


class StudentTagger:
    """Tags pre-split sentences of any length.

    Args:
        student: student model.
        tokenizer: its fast tokenizer.
        labels: label names.
        batch_size: most sentences in a batch.
    """

    def __init__(self, student, tokenizer, labels: Sequence[str], batch_size: int = 256):
        self._student, self._tokenizer, self._labels = student, tokenizer, list(labels)
        self._batch_size = batch_size
        self._forward = tf.function(lambda batch: student(batch, training=False)["logits"], reduce_retracing=True)

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """One tag per word, for every word of every sentence."""
        features = prediction_features(self._tokenizer, sentences, self._student.max_length)
        return decode(features, self.logits(features.features), self._labels)

    def logits(self, source: FeatureSource) -> list[np.ndarray]:
        """float32 [pieces, labels] of every row of a source with column `input_ids`."""
        batches = BatchPlan(source.lengths, np.arange(len(source.lengths)), self._batch_size).sorted_by_length()
        rows: list[np.ndarray] = [np.zeros(0)] * len(source.lengths)
        for indices, batch in zip(batches, padded_batches(source, batches, self._tokenizer.pad_token_id)):
            logits = self._forward(batch).numpy()
            for row, index in enumerate(indices):
                rows[index] = logits[row, : source.lengths[index]]
        return rows
