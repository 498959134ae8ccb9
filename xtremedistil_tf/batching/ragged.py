"""Unpadded features of many sentences as flat columns; padding happens per batch, never at rest."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

#: Batches are padded to a multiple of so many pieces, so that fewer shapes occur.
PADDED_TO = 4


@dataclasses.dataclass(frozen=True)
class Column:
    """What a column holds.

    Attributes:
        dtype: NumPy dtype.
        shape: of one value.
        per_piece: whether every piece has a value, or every example one.
    """

    dtype: np.dtype
    shape: tuple[int, ...] = ()
    per_piece: bool = True

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = (), per_piece: bool = True):
        # Written out because what `np.dtype` takes is wider than what it gives.
        for name, value in (("dtype", np.dtype(dtype)), ("shape", shape), ("per_piece", per_piece)):
            object.__setattr__(self, name, value)


class FeatureSource(Protocol):
    """Anything that batches can be drawn from: features in memory, or a transfer store on disk."""

    @property
    def lengths(self) -> np.ndarray:
        """int32 [examples], number of pieces of each example, special tokens included."""

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name."""

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Every column of one example: [pieces, ...], or [...] where it has one value an example."""

    def read_many(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Every column of some examples, one after the other: [pieces of all, ...], or [examples, ...] where it has
        one value an example."""


@dataclasses.dataclass(frozen=True)
class RaggedFeatures:
    """Features in memory: every column is one flat array, those per piece cut by `offsets`.

    Attributes:
        data: name -> [total pieces, ...] or [examples, ...].
        offsets: int64 [examples + 1].
        columns: name -> what it holds.
    """

    data: Mapping[str, np.ndarray]
    offsets: np.ndarray
    columns: Mapping[str, Column]

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column]) -> RaggedFeatures:
        """Joins rows; the first column must be one per piece and gives the lengths."""
        lengths = [len(row[next(iter(columns))]) for row in rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        join: dict[bool, Callable[..., np.ndarray]] = {True: np.concatenate, False: np.stack}
        data = {name: join[column.per_piece]([np.asarray(row[name]) for row in rows]).astype(column.dtype)
                if rows else np.zeros((0, *column.shape), column.dtype) for name, column in columns.items()}
        return cls(data, offsets, dict(columns))

    @classmethod
    def concatenate(cls, first: RaggedFeatures, second: RaggedFeatures) -> RaggedFeatures:
        """The examples of both, which have the same columns."""
        data = {name: np.concatenate([first.data[name], second.data[name]]) for name in first.data}
        return cls(data, np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]), first.columns)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @functools.cached_property  # asked for at every batch
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets).astype(np.int32)

    def read(self, index: int) -> dict[str, np.ndarray]:
        pieces = slice(self.offsets[index], self.offsets[index + 1])
        return {name: values[pieces] if self.columns[name].per_piece else values[index]
                for name, values in self.data.items()}

    def read_many(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        lengths = self.lengths[indices].astype(np.int64)
        # The first piece of each example, less the pieces that stand before it in the answer.
        shifts = self.offsets[indices] - (np.cumsum(lengths) - lengths)
        pieces = np.repeat(shifts, lengths) + np.arange(lengths.sum())
        return {name: values[pieces if self.columns[name].per_piece else indices]
                for name, values in self.data.items()}


def pad_batch(source: FeatureSource, indices: np.ndarray, pad_id: int,
              multiple: int = PADDED_TO) -> dict[str, np.ndarray]:
    """Reads the examples and pads them to the longest, rounded up to `multiple` pieces.

    Returns every column as [batch, time, ...] (or [batch, ...] where it has one value an example), zero
    where there is no piece (`input_ids`: `pad_id`), and `attention_mask` int32 [batch, time].
    """
    lengths = source.lengths[indices]
    time = max(1, -(-int(lengths.max(initial=1)) // multiple) * multiple)
    present = np.arange(time) < lengths[:, None]
    batch = source.read_many(indices)
    for name, column in source.columns.items():
        if column.per_piece:
            padded = np.zeros((len(indices), time, *column.shape), column.dtype)
            if name == "input_ids":
                padded.fill(pad_id)
            padded[present] = batch[name]
            batch[name] = padded
    batch["attention_mask"] = present.astype(np.int32)
    return batch
