"""Running a model once over a source: sorted by length, padded per batch, rows given back without padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.batching.plan import BatchPlan
from xtremedistil_tf.batching.ragged import FeatureSource, pad_batch


def run_over(forward: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], source: FeatureSource, batch_size: int,
             pad_id: int, per_piece: Mapping[str, bool]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yields (index, outputs of that example), longest examples first.

    Args:
        forward: batch, see `pad_batch` -> name -> [batch, time, ...] or [batch, ...].
        source: examples.
        batch_size: most examples in a batch.
        pad_id: id of the padding piece.
        per_piece: for each output, whether it has a time axis, which is then cut to the example's pieces.
    """
    lengths = source.lengths
    for indices in BatchPlan(lengths, np.arange(len(lengths)), batch_size).sorted_by_length():
        batch = pad_batch(source, indices, pad_id)
        outputs = {name: np.asarray(values) for name, values in forward(batch).items()}
        for row, index in enumerate(indices):
            yield int(index), {name: values[row, : lengths[index]] if per_piece[name] else values[row]
                               for name, values in outputs.items()}


def in_order(answers: Iterator[tuple[int, dict[str, np.ndarray]]], name: str, count: int) -> list[np.ndarray]:
    """One output of every example, in the order of the source."""
    rows: list[np.ndarray] = [np.zeros(0)] * count
    for index, outputs in answers:
        rows[index] = outputs[name]
    return rows
