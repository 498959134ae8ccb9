"""Unpadded features of examples, which of them go into which batch, and running a model over all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

#: Batches are padded to a multiple of so many pieces, so that fewer shapes occur.
PADDED_TO = 4
_BATCHES_SORTED_TOGETHER = 50


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

    def alone(self) -> dict[str, np.ndarray] | None:
        """The batch of the only example, see `pad_batch`, not padded; None where there are others, or no pieces."""
        if len(self.offsets) != 2 or not self.offsets[1]:
            return None
        batch = {name: values[None] if self.columns[name].per_piece else values for name, values in self.data.items()}
        return batch | {"attention_mask": np.ones((1, self.offsets[1]), np.int32)}

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


@dataclasses.dataclass(frozen=True)
class RemappedPieces:
    """A source with `input_ids` mapped to a trimmed vocabulary.

    Attributes:
        source: with ids of the whole vocabulary.
        trimmed: what `trim_tokenizer` returned.
    """

    source: FeatureSource
    trimmed: Any

    @property
    def lengths(self) -> np.ndarray:
        return self.source.lengths

    @property
    def columns(self) -> Mapping[str, Column]:
        return self.source.columns

    def read(self, index: int) -> dict[str, np.ndarray]:
        return self._remapped(self.source.read(index))

    def read_many(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        return self._remapped(self.source.read_many(indices))

    def _remapped(self, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return columns | {"input_ids": self.trimmed.remap(columns["input_ids"])}


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """Shuffled batches of sentences of similar length.

    An epoch is a random permutation, cut into runs of 50 batches; a run is sorted by length and cut
    into batches, and the batches are shuffled. It costs 8 bytes of memory per example.

    Attributes:
        lengths: int32 [examples].
        indices: int64, the examples to draw from (a split of the source).
        batch_size: examples in a batch; the last one of an epoch may be smaller.
        seed: the run's seed.
    """

    lengths: np.ndarray
    indices: np.ndarray
    batch_size: int
    seed: int = 0

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self.indices) // self.batch_size)

    def epoch(self, number: int) -> list[np.ndarray]:
        """The batches of a training epoch, each int64 [<= batch_size] example indices."""
        rng = np.random.default_rng([self.seed, number])
        order = rng.permutation(self.indices)
        run = self.batch_size * _BATCHES_SORTED_TOGETHER
        batches = []
        for begin in range(0, len(order), run):
            part = order[begin: begin + run]
            batches += _cut(part[np.argsort(self.lengths[part], kind="stable")], self.batch_size)
        return [batches[i] for i in rng.permutation(len(batches))]

    def sorted_by_length(self, most_pieces: int | None = None) -> list[np.ndarray]:
        """The batches of an inference pass, longest first, so that too little memory shows at once.

        Args:
            most_pieces: of a batch with its padding, unless one example alone has more; None: any number.
        """
        order = self.indices[np.argsort(-self.lengths[self.indices], kind="stable")]
        batches = []
        while most_pieces and len(order) and self.lengths[order[0]] * self.batch_size > most_pieces:
            size = max(1, most_pieces // int(self.lengths[order[0]]))
            batches.append(order[:size])
            order = order[size:]
        return batches + _cut(order, self.batch_size)


@dataclasses.dataclass(frozen=True)
class Shares:
    """Which shares of every batch belong to this process, where several replicas train together.

    Attributes:
        local: numbers of the replicas of this process, from 0.
        total: replicas of all processes.
    """

    local: tuple[int, ...]
    total: int

    def of(self, indices: np.ndarray) -> tuple[np.ndarray, ...]:
        """The rows of each local replica: every `total`-th one, as neighbours are of similar length.

        Of a batch with fewer rows than replicas each replica has all rows: layers need not cope with empty
        batches, and a mean over the rows of all replicas stays the same.
        """
        if len(indices) < self.total:
            return (indices,) * len(self.local)
        return tuple(indices[replica:: self.total] for replica in self.local)


def _cut(indices: np.ndarray, size: int) -> list[np.ndarray]:
    return [indices[begin: begin + size] for begin in range(0, len(indices), size)]


def run_over(forward: Callable[[dict[str, np.ndarray]], Mapping[str, Any]], source: FeatureSource, batch_size: int,
             pad_id: int, per_piece: Mapping[str, bool], most_pieces: int | None = None,
             multiple: int = PADDED_TO) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yields (index, outputs of that example), longest examples first.

    Args:
        forward: batch, see `pad_batch` -> name -> [batch, time, ...] or [batch, ...].
        source: examples.
        batch_size: most examples in a batch.
        pad_id: id of the padding piece.
        per_piece: for each output, whether it has a time axis, which is then cut to the example's pieces.
        most_pieces: see `BatchPlan.sorted_by_length`.
        multiple: see `pad_batch`.
    """
    lengths = source.lengths
    for indices in BatchPlan(lengths, np.arange(len(lengths)), batch_size).sorted_by_length(most_pieces):
        batch = pad_batch(source, indices, pad_id, multiple)
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
