"""Reading examples of a transfer store, with memory that does not grow with its size, and as a tf.data.Dataset."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import operator
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.training.batches import BatchPlan, Column, pad_batch
from xtremedistil_tf.transfer.format import (
    ATTENTION,
    ATTENTION_ROWS,
    HIDDEN,
    INT8_OFFSET,
    INT8_SCALE,
    Manifest,
    shard_path,
)
from xtremedistil_tf.transfer.hidden_states import dequantize, load_pca, restored
from xtremedistil_tf.transfer.shards import Shards

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class _Places:
    """Where examples are in a store, int64 [examples] each.

    Attributes:
        shards: number of the shard.
        rows: row in arrays with one value an example.
        starts: first row in arrays per piece.
        lengths: pieces.
    """

    shards: np.ndarray
    rows: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """int64 [examples + 1]: the rows of each example where all of them follow one another."""
        return np.concatenate([[0], np.cumsum(self.lengths)])


class TransferStore:
    """A feature source over a store on disk.

    Kept in memory: lengths and offsets (8 bytes per example). The examples of a batch are read with one plain read
    each into one array. Nothing is mapped: resident memory stays flat while the system's page cache does its work, and
    a file that is cut off is an error and not the end of the process. No file stays open. Hidden states that are kept
    in a smaller form are given back as the manifest's column says.

    Args:
        path: folder of the store.
        columns: those that batches need, None for all.

    Raises:
        TransferStoreError: unfinished or damaged store, or a column it does not hold.
    """

    def __init__(self, path: pathlib.Path, columns: Sequence[str] | None = None):
        self.path = pathlib.Path(path)
        self.manifest = Manifest.load(self.path)
        if not self.manifest.complete:
            raise TransferStoreError(f"{path}: the store is incomplete. Run the command that writes it again.")
        names = list(self.manifest.columns) if columns is None else list(columns)
        for name in names:
            if name not in self.manifest.columns:
                raise TransferStoreError(f"{path}: no column {name}; it holds {', '.join(self.manifest.columns)}.")
        self._columns = {name: self.manifest.column(name) for name in names}
        self._stored = self.manifest.kept
        self._row_bytes = {name: int(np.prod(column.shape, dtype=np.int64)) * column.dtype.itemsize
                           for name, column in self._stored.items()}
        self._pca = load_pca(self.path, self.manifest) if HIDDEN in names else None
        offsets = self._load_offsets()
        self._starts = np.concatenate([of_shard[:-1] for of_shard in offsets])
        self._lengths = np.concatenate([np.diff(of_shard) for of_shard in offsets]).astype(np.int32)
        self._files: dict[tuple[int, str], tuple[str, int]] = {}
        self._ranges: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]] = {}

    def _load_offsets(self) -> list[np.ndarray]:
        shards, offsets = Shards(self.path, self.manifest, self._pca), []
        for shard in range(self.manifest.num_shards):
            if fault := shards.fault(shard):
                raise TransferStoreError(f"{shards.path(shard)}: missing or damaged ({fault}); run the command "
                                         "that writes the store again, which rewrites only this shard.")
            found = shards.offsets(shard)
            offsets.append(found.astype(np.uint32) if found[-1] < 1 << 32 else found)
        return offsets

    def __len__(self) -> int:
        return self.manifest.sentences

    @property
    def lengths(self) -> np.ndarray:
        return self._lengths

    @property
    def columns(self) -> dict[str, Column]:
        return self._columns

    def read(self, index: int) -> dict[str, np.ndarray]:
        found = self.read_many(np.array([index]))
        return {name: values if self._columns[name].per_piece else values[0] for name, values in found.items()}

    def read_many(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        shards, rows = np.divmod(np.asarray(indices, np.int64), self.manifest.shard_sentences)
        places = _Places(shards, rows, self._starts[indices].astype(np.int64), self._lengths[indices].astype(np.int64))
        return {name: self._read_column(name, places) for name in self._columns}

    def _read_column(self, name: str, places: _Places) -> np.ndarray:
        values = self._values(name, places)
        if name not in self.manifest.encodings:
            return values
        decoded = np.empty((int(places.offsets[-1]), *self._columns[name].shape), self._columns[name].dtype)
        spans = list(zip(places.offsets.tolist(), places.offsets[1:].tolist()))
        if name == ATTENTION:  # kept for some pieces only
            for (begin, end), maps, rows in zip(spans, values, self._values(ATTENTION_ROWS, places)):
                decoded[begin:end] = restored(maps, rows, end - begin)
        else:
            for (begin, end), shard in zip(spans, places.shards.tolist()):
                decoded[begin:end] = self._decoded(shard, name, values[begin:end])
        return decoded

    def _values(self, name: str, places: _Places) -> np.ndarray:
        """What a column's arrays hold of some examples, one after the other."""
        column, row_bytes = self._stored[name], self._row_bytes[name]
        starts, offsets = ((places.starts, places.offsets) if column.per_piece
                           else (places.rows, np.arange(len(places.rows) + 1)))
        values = np.empty((int(offsets[-1]), *column.shape), column.dtype)
        memory = memoryview(values.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        order = np.argsort(places.shards, kind="stable")
        ends = (offsets[1:] * row_bytes)[order].tolist()
        begins = (offsets[:-1] * row_bytes)[order].tolist()
        positions = (starts * row_bytes)[order].tolist()
        examples = zip(places.shards[order].tolist(), positions, begins, ends)
        for shard, group in itertools.groupby(examples, key=operator.itemgetter(0)):
            try:
                path, header = self._file(shard, name)
                with open(path, "rb", buffering=0) as file:
                    for _, position, begin, end in group:
                        file.seek(header + position)
                        if file.readinto(memory[begin:end]) != end - begin:
                            raise ValueError("too short")
            except (OSError, ValueError) as error:
                raise TransferStoreError(f"{shard_path(self.path, shard) / name}.npy: changed since the store was "
                                         f"opened ({error}). Start the command again.") from error
        return values

    def _file(self, shard: int, name: str) -> tuple[str, int]:
        """Path of an array, and where its values begin."""
        if (shard, name) not in self._files:
            path = shard_path(self.path, shard) / f"{name}.npy"
            self._files[shard, name] = str(path), np.load(path, mmap_mode="r").offset
        return self._files[shard, name]

    def _decoded(self, shard: int, name: str, values: np.ndarray) -> np.ndarray:
        if self.manifest.is_int8(name):
            values = dequantize(values, *self._range(shard, name))
        if self._pca and name == HIDDEN:
            values = self._pca.restore(values.astype(np.float32, copy=False))
        return values

    def _range(self, shard: int, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Scale and offset of the int8 values of a shard."""
        if (shard, name) not in self._ranges:
            folder = shard_path(self.path, shard)
            self._ranges[shard, name] = tuple(np.load(folder / f"{name}{part}.npy")
                                              for part in (INT8_SCALE, INT8_OFFSET))
        return self._ranges[shard, name]


def transfer_dataset(store: str | os.PathLike[str], tokenizer: Any, batch_size: int = 128, *,
                     columns: Sequence[str] | None = None, examples: Sequence[int] | None = None,
                     shuffle: bool = True, seed: int = 42) -> tf.data.Dataset:
    """Batches of a transfer store, as the stages are to `fit` on.

    Examples of similar length stand in a batch. Every pass has another order, the same for the same seed. Memory does
    not depend on the size of the store.

    Args:
        store: its folder.
        tokenizer: the student's, for the id of the padding piece.
        batch_size: examples in a batch.
        columns: to read, such as `("input_ids", "word_starts", "teacher_logits")`; None: all.
        examples: numbers of the examples to take; None: all.
        shuffle: whether to shuffle; else the order is that of the store.
        seed: of the order.

    Returns:
        Dicts of padded tensors: of every column [batch, time, ...] or [batch, ...], and `attention_mask` int32
        [batch, time].

    Raises:
        TransferStoreError: the store is unfinished or damaged, or has no such column.
    """
    import tensorflow as tf

    from xtremedistil_tf.training.pipeline import batch_spec, stream

    source = TransferStore(pathlib.Path(store), list(columns) if columns else None)
    chosen = np.arange(len(source)) if examples is None else np.asarray(examples, np.int64)
    plan, passes = BatchPlan(source.lengths, chosen, batch_size, seed), itertools.count()

    def batches() -> Iterable[np.ndarray]:
        if shuffle:
            return plan.epoch(next(passes))
        return np.array_split(chosen, range(batch_size, len(chosen), batch_size))

    dataset = stream(lambda: (pad_batch(source, rows, tokenizer.pad_token_id) for rows in batches()),
                     batch_spec(source))
    return dataset.apply(tf.data.experimental.assert_cardinality(-(-len(chosen) // batch_size)))
