"""From lists of indices to a tf.data pipeline of padded batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.plan import BatchPlan, Shares
from xtremedistil_tf.batching.ragged import FeatureSource, pad_batch


def batch_spec(source: FeatureSource) -> dict[str, tf.TensorSpec]:
    """The element spec of batches from `source`: every column [batch, time, ...] or [batch, ...], batch and
    time unknown, so that a tf.function is traced once for all lengths."""
    spec = {name: tf.TensorSpec((None,) * (1 + column.per_piece) + column.shape, tf.as_dtype(column.dtype))
            for name, column in source.columns.items()}
    spec["attention_mask"] = tf.TensorSpec((None, None), tf.int32)
    return spec


def padded_batches(source: FeatureSource, batches: Sequence[np.ndarray], pad_id: int) -> tf.data.Dataset:
    """A dataset of padded batches in the given order, read ahead while the consumer computes."""
    return stream(lambda: (pad_batch(source, indices, pad_id) for indices in batches), batch_spec(source))


def stream(generate: Callable[[], Iterable[Any]], spec: Mapping[str, Any] | tuple[Any, ...],
           ahead: int = 4) -> tf.data.Dataset:
    """A prefetching dataset over a Python generator of ready batches.

    Autotuning is off: in TensorFlow 2.21 destroying an autotuned iterator waits for a timer that
    doubles up to minutes, and a single prefetching source has nothing to tune.
    """
    dataset = tf.data.Dataset.from_generator(generate, output_signature=spec).prefetch(ahead)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.threading.private_threadpool_size = 2
    return dataset.with_options(options)


@dataclasses.dataclass(frozen=True)
class ShuffledBatches:
    """Training batches of a source; any epoch can be entered at any batch."""

    source: FeatureSource
    plan: BatchPlan
    pad_id: int

    @property
    def batches_per_epoch(self) -> int:
        return self.plan.batches_per_epoch

    def epoch(self, number: int, first_batch: int, shares: Shares | None = None) -> tf.data.Dataset:
        batches = self.plan.epoch(number)[first_batch:]
        if shares is None:
            return padded_batches(self.source, batches, self.pad_id)
        return stream(lambda: (self.shared(indices, shares) for indices in batches),
                      (batch_spec(self.source),) * len(shares.local))

    def shared(self, indices: np.ndarray, shares: Shares) -> tuple[dict[str, np.ndarray], ...]:
        """A batch as one padded batch for each replica of this process; only their rows are read."""
        return tuple(pad_batch(self.source, rows, self.pad_id) for rows in shares.of(indices))
