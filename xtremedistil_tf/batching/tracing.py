"""One graph of a model for batches of all shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


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
