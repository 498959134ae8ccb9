"""From lists of indices to a tf.data pipeline of padded batches, and one graph for batches of all shapes."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.training.batches import BatchPlan, FeatureSource, Shares, pad_batch

# Of mallopt, from malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


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
    def begin() -> Iterable[Any]:
        _keep_freed_memory()  # here, since TensorFlow's setting comes with the dataset's iterator
        return generate()

    dataset = tf.data.Dataset.from_generator(begin, output_signature=spec).prefetch(ahead)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.threading.private_threadpool_size = 2
    return dataset.with_options(options)


def _keep_freed_memory() -> None:
    """Lets the C library keep up to a gigabyte of freed memory for the next step, where that is glibc.

    The first dataset over a generator makes TensorFlow (2.21) set the limit to 128 kB. From then on every step gives
    its buffers back to the system and fetches them again, page by page: up to 40 % of the time of a training step.
    `MALLOC_TRIM_THRESHOLD_` in the environment leaves it alone.
    """
    if platform.libc_ver()[0] != "glibc" or "MALLOC_TRIM_THRESHOLD_" in os.environ:
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_M_TRIM_THRESHOLD, 1 << 30)
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the largest that it takes


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


def traced_once(run: Callable[[dict[str, tf.Tensor]], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """A function as fast as a graph, which is traced at its first call; another trace would take seconds again.

    Args:
        run: `input_ids`, `attention_mask` and where they are given `token_type_ids`, [batch, time] each -> outputs.
    """
    traces: dict[tuple[str, ...], Any] = {}

    def call(batch: Mapping[str, Any]) -> Any:
        batch = {name: tf.convert_to_tensor(batch[name]) for name in _INPUTS if name in batch}
        if tuple(batch) not in traces:
            spec = {name: tf.TensorSpec([None, None], values.dtype) for name, values in batch.items()}
            traces[tuple(batch)] = tf.function(run, input_signature=[spec])
        return traces[tuple(batch)](batch)

    return call


def logits_alone(model: Any) -> Callable[[Mapping[str, Any]], tf.Tensor]:
    """`traced_once` of a model's `logits` outside training: one graph for all who ask for those of the same model."""
    kept = vars(model)  # past Keras, which would look for layers in it
    if "_logits_alone" not in kept:
        kept["_logits_alone"] = traced_once(lambda batch: model(batch, training=False)["logits"])
    return kept["_logits_alone"]
