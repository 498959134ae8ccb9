"""Attention maps of some pieces of an example instead of all.

A map has a row for each piece, which says where that piece looks. Rows are drawn without replacement, by a generator
seeded with the example's pieces, so that they do not depend on who writes the store. Readers get the map of all
pieces, with zeros where nothing is known; a row that is known sums to one.
"""

from __future__ import annotations

import zlib

import numpy as np


def sampled_rows(input_ids: np.ndarray, count: int) -> np.ndarray:
    """int32 [count]: positions in an example, in ascending order, then -1 where it has fewer pieces."""
    length = len(input_ids)
    rows = np.full(count, -1, np.int32)
    if length <= count:
        rows[:length] = np.arange(length)
    else:
        rng = np.random.default_rng(zlib.crc32(np.ascontiguousarray(input_ids).tobytes()))
        rows[:] = np.sort(rng.choice(length, count, replace=False))
    return rows


def sampled(maps: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[count, ...]: the rows of maps [pieces, ...] that are kept, zeros where there are fewer."""
    kept = maps[np.maximum(rows, 0)]
    kept[rows < 0] = 0
    return kept


def restored(kept: np.ndarray, rows: np.ndarray, length: int) -> np.ndarray:
    """[length, ...]: the maps of all pieces, zeros where nothing is known."""
    maps = np.zeros((length, *kept.shape[1:]), kept.dtype)
    maps[rows[rows >= 0]] = kept[rows >= 0]
    return maps
