"""Cutting a request into batches of bounded size and putting their outputs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from xtremedistil_tf.server.model import Tensors


def plan(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Rows of each batch, longest rows first, so that rows times the longest of them is at most `most`.

    Args:
        sizes: of each row, at least 1 and at most `most`.
        most: size of a batch, padding included.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        if not batches or (len(batches[-1]) + 1) * sizes[batches[-1][0]] > most:
            batches.append([])
        batches[-1].append(row)
    return batches


def run_batches(call: Callable[[Tensors], Tensors], inputs: Tensors,
                batches: Sequence[Sequence[int]]) -> Tensors:
    """The outputs that `call` gives for all rows, as if called once.

    Outputs of batches may differ in width; they are padded as the signatures pad them, with "" and -1.

    Args:
        call: inputs by name, [rows, ...] -> outputs by name, [rows, ...].
        inputs: [rows, ...] each.
        batches: every row once.
    """
    if len(batches) < 2:
        return call(inputs)
    parts = [call({name: values[rows] for name, values in inputs.items()}) for rows in batches]
    order = np.argsort([row for rows in batches for row in rows])
    return {name: _joined([part[name] for part in parts])[order] for name in parts[0]}


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    shape = np.max([part.shape[1:] for part in parts], 0) if parts[0].ndim > 1 else ()
    fill = b"" if parts[0].dtype == object else -1
    missing = [[(0, 0), *((0, wide - own) for wide, own in zip(shape, part.shape[1:]))] for part in parts]
    return np.concatenate([np.pad(part, pads, constant_values=fill) for part, pads in zip(parts, missing)])
