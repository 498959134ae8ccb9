"""Unpadded features of many sentences as flat columns; padding happens per batch, never at rest."""

from __future__ import annotations

import dataclasses
from typing import Mapping, Protocol, Sequence

import numpy as np


class FeatureSource(Protocol):
    """Anything that batches can be drawn from: features in memory, or a transfer store on disk."""

    @property
    def lengths(self) -> np.ndarray:
        """int32 [examples], number of pieces of each example, special tokens included."""

    @property
    def columns(self) -> Mapping[str, tuple[np.dtype, tuple[int, ...]]]:
        """Name of each column -> (dtype, shape per piece)."""

    def read(self, index: int) -> dict[str, np.ndarray]:
        """Every column of one example, each [pieces, ...]."""


@dataclasses.dataclass(frozen=True)
class RaggedFeatures:
    """Features in memory: every column is one flat array, cut by `offsets`.

    Attributes:
        data: name -> [total pieces, ...].
        offsets: int64 [examples + 1].
    """

    data: Mapping[str, np.ndarray]
    offsets: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, np.ndarray]],
                  columns: Mapping[str, np.dtype]) -> RaggedFeatures:
        lengths = [len(row[next(iter(columns))]) for row in rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        data = {name: np.concatenate([row[name] for row in rows]).astype(dtype) if rows
                else np.zeros(0, dtype) for name, dtype in columns.items()}
        return cls(data, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.offsets).astype(np.int32)

    @property
    def columns(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        return {name: (array.dtype, array.shape[1:]) for name, array in self.data.items()}

    def read(self, index: int) -> dict[str, np.ndarray]:
        begin, end = self.offsets[index], self.offsets[index + 1]
        return {name: array[begin:end] for name, array in self.data.items()}


def pad_batch(source: FeatureSource, indices: np.ndarray, pad_id: int,
              multiple: int = 4) -> dict[str, np.ndarray]:
    """Reads the examples and pads them to the longest, rounded up to `multiple` pieces.

    Returns every column as [batch, time, ...], zero where there is no piece (`input_ids`: `pad_id`),
    and `attention_mask` int32 [batch, time].
    """
    lengths = source.lengths[indices]
    time = max(1, -(-int(lengths.max(initial=1)) // multiple) * multiple)
    batch = {name: np.zeros((len(indices), time) + shape, dtype)
             for name, (dtype, shape) in source.columns.items()}
    batch["input_ids"].fill(pad_id)
    for row, index in enumerate(indices):
        for name, values in source.read(int(index)).items():
            batch[name][row, : len(values)] = values
    batch["attention_mask"] = (np.arange(time) < lengths[:, None]).astype(np.int32)
    return batch
