"""Running a teacher over many sentences: sorted by length, padded to buckets, one traced graph."""

from __future__ import annotations

import dataclasses
from typing import Iterator, Sequence

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.pipeline import padded_batches
from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.teachers.model import Teacher


@dataclasses.dataclass(frozen=True)
class TeacherOutputs:
    """A teacher's answers for one sentence.

    Attributes:
        index: the sentence's index in the source.
        logits: float32 [pieces, labels].
        hidden: float32 [pieces, width] for each layer asked for.
    """

    index: int
    logits: np.ndarray
    hidden: tuple[np.ndarray, ...]


class TeacherPredictor:
    """The exact float32 inference path of a teacher.

    Args:
        teacher: the fine-tuned teacher.
        layers: hidden layers to return, 0 for the embedding output, -1 for the top one.
        pad_id: id of the padding piece.
        batch_size: most sentences in a batch.
    """

    def __init__(self, teacher: Teacher, layers: Sequence[int], pad_id: int, batch_size: int):
        self._pad_id, self._batch_size = pad_id, batch_size

        def forward(batch):
            outputs = teacher({k: batch[k] for k in ("input_ids", "attention_mask")}, training=False)
            states = tuple(tf.cast(outputs.hidden_states[layer], tf.float32) for layer in layers)
            return tf.cast(outputs.logits, tf.float32), states

        self._forward = tf.function(forward, reduce_retracing=True)

    def predict(self, source: FeatureSource) -> Iterator[TeacherOutputs]:
        """Yields the outputs of every sentence, longest first; `index` restores the order."""
        plan = BatchPlan(source.lengths, np.arange(len(source.lengths)), self._batch_size)
        batches = plan.sorted_by_length()
        for indices, batch in zip(batches, padded_batches(source, batches, self._pad_id)):
            logits, states = self._forward({k: batch[k] for k in ("input_ids", "attention_mask")})
            logits, states = logits.numpy(), [s.numpy() for s in states]
            for row, index in enumerate(indices):
                length = source.lengths[index]
                yield TeacherOutputs(int(index), logits[row, :length], tuple(s[row, :length] for s in states))

    def logits(self, source: FeatureSource) -> list[np.ndarray]:
        """float32 [pieces, labels] of every sentence, in the source's order."""
        rows: list[np.ndarray] = [np.zeros(0)] * len(source.lengths)
        for outputs in self.predict(source):
            rows[outputs.index] = outputs.logits
        return rows
