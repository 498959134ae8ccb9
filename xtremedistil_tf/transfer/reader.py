"""Reading a transfer store example by example, with memory that does not grow with its size."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np

from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.hidden_pca import load_pca
from xtremedistil_tf.transfer.layout import (
    ATTENTION,
    ATTENTION_ROWS,
    HIDDEN,
    INT8_OFFSET,
    INT8_SCALE,
    Manifest,
    shard_path,
)
from xtremedistil_tf.transfer.quantization import dequantize
from xtremedistil_tf.transfer.sampled_attention import restored
from xtremedistil_tf.transfer.shards import Shards


class TransferStore:
    """A feature source over a store on disk.

    Kept in memory: lengths and offsets (8 bytes per example). Arrays are read piece by piece with plain
    reads, not mapped, so that resident memory stays flat while the system's page cache does its work; no file
    stays open. Hidden states that are kept in a smaller form are given back as the manifest's column says.

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
            raise TransferStoreError(f"{path}: the store is unfinished; run the command that writes it again.")
        names = list(self.manifest.columns) if columns is None else list(columns)
        for name in names:
            if name not in self.manifest.columns:
                raise TransferStoreError(f"{path}: no column {name}; it holds {', '.join(self.manifest.columns)}.")
        self._columns = {name: self.manifest.column(name) for name in names}
        self._stored = self.manifest.kept
        self._row_bytes = {name: int(np.prod(column.shape, dtype=np.int64)) * column.dtype.itemsize
                           for name, column in self._stored.items()}
        self._pca = load_pca(self.path, self.manifest) if HIDDEN in names else None
        self._offsets = self._load_offsets()
        self._lengths = np.concatenate([np.diff(offsets) for offsets in self._offsets]).astype(np.int32)
        self._files: dict[tuple[int, str], tuple[str, int]] = {}
        self._ranges: dict[tuple[int, str], tuple[np.ndarray, np.ndarray]] = {}

    def _load_offsets(self) -> list[np.ndarray]:
        shards, offsets = Shards(self.path, self.manifest, self._pca), []
        for shard in range(self.manifest.num_shards):
            if fault := shards.fault(shard):
                raise TransferStoreError(f"{shards.path(shard)}: missing or damaged ({fault}); run the command "
                                         "that writes the store again, which rewrites this shard alone.")
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
        shard, row = divmod(index, self.manifest.shard_sentences)
        begin, end = map(int, self._offsets[shard][row: row + 2])
        return {name: self._decoded(shard, name, self._slice(shard, name, begin, end)) if self._stored[name].per_piece
                else self._of_example(shard, name, row, end - begin)
                for name in self._columns}

    def _of_example(self, shard: int, name: str, row: int, length: int) -> np.ndarray:
        value: np.ndarray = self._slice(shard, name, row, row + 1)[0]
        if name == ATTENTION:  # kept for some pieces only
            return restored(value, self._slice(shard, ATTENTION_ROWS, row, row + 1)[0], length)
        return value

    def _slice(self, shard: int, name: str, begin: int, end: int) -> np.ndarray:
        rows = np.empty((end - begin, *self._stored[name].shape), self._stored[name].dtype)
        try:
            path, header = self._file(shard, name)
            with open(path, "rb", buffering=0) as file:  # a third of what np.fromfile takes
                file.seek(header + begin * self._row_bytes[name])
                if file.readinto(rows.data) != rows.nbytes:
                    raise ValueError("too short")
        except (OSError, ValueError) as error:
            raise TransferStoreError(f"{shard_path(self.path, shard) / name}.npy: changed since the store was "
                                     f"opened ({error}). Start the command again.") from error
        return rows

    def _file(self, shard: int, name: str) -> tuple[str, int]:
        """Path of an array, and where its values begin."""
        if (shard, name) not in self._files:
            path = shard_path(self.path, shard) / f"{name}.npy"
            self._files[shard, name] = str(path), np.load(path, mmap_mode="r").offset
        return self._files[shard, name]

    def _decoded(self, shard: int, name: str, values: np.ndarray) -> np.ndarray:
        if name not in self.manifest.encodings:
            return values
        if self.manifest.is_int8(name):
            values = dequantize(values, *self._range(shard, name))
        if self._pca and name == HIDDEN:
            values = self._pca.restore(values.astype(np.float32, copy=False))
        return values.astype(self._columns[name].dtype)

    def _range(self, shard: int, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Scale and offset of the int8 values of a shard."""
        if (shard, name) not in self._ranges:
            folder = shard_path(self.path, shard)
            self._ranges[shard, name] = tuple(np.load(folder / f"{name}{part}.npy")
                                              for part in (INT8_SCALE, INT8_OFFSET))
        return self._ranges[shard, name]
