"""Reading a transfer store example by example, with memory that does not grow with its size."""

from __future__ import annotations

import pathlib
from typing import Sequence

import numpy as np

from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.layout import OFFSETS, Manifest, shard_is_whole, shard_path


class TransferStore:
    """A feature source over a store on disk.

    Kept in memory: the offsets (8 bytes per sentence). Arrays are read piece by piece with plain reads,
    not mapped, so that resident memory stays flat while the system's page cache does its work.

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
        self._offsets = [self._load_offsets(shard) for shard in range(self.manifest.num_shards)]
        self._lengths = np.concatenate([np.diff(o) for o in self._offsets]).astype(np.int32)
        self._headers: dict[pathlib.Path, int] = {}

    def _load_offsets(self, shard: int) -> np.ndarray:
        if not shard_is_whole(self.path, self.manifest, shard):
            raise TransferStoreError(f"{shard_path(self.path, shard)}: missing or damaged; run the command that "
                                     "writes the store again, which rewrites this shard alone.")
        return np.load(shard_path(self.path, shard) / f"{OFFSETS}.npy")

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
        pieces = self._offsets[shard][row: row + 2]
        folder = shard_path(self.path, shard)
        return {name: self._slice(folder / f"{name}.npy", column, *pieces) if column.per_piece
                else self._slice(folder / f"{name}.npy", column, row, row + 1)[0]
                for name, column in self._columns.items()}

    def _slice(self, path: pathlib.Path, column: Column, begin: int, end: int) -> np.ndarray:
        values = int(np.prod(column.shape, dtype=np.int64))
        offset = self._header(path) + int(begin) * values * column.dtype.itemsize
        return np.fromfile(path, column.dtype, count=int(end - begin) * values,
                           offset=offset).reshape((end - begin, *column.shape))

    def _header(self, path: pathlib.Path) -> int:
        if path not in self._headers:
            self._headers[path] = np.load(path, mmap_mode="r").offset
        return self._headers[path]
