"""Accepting a transfer store that another program wrote."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.layout import INT8_OFFSET, INT8_SCALE, Manifest, shard_path
from xtremedistil_tf.transfer.reader import TransferStore

_FORMAT = "docs/transfer_store.md describes the format."


def check_given_store(path: pathlib.Path, expected: Mapping[str, Column], pieces: int) -> None:
    """Refuses a store that does not fit the run.

    Args:
        path: folder of the store.
        expected: the columns that the run reads.
        pieces: of the student's tokenizer; all ids must be below.

    Raises:
        TransferStoreError: unfinished or damaged, a column is missing or of another type or shape, ids out of
            range, or numbers that are not finite.
    """
    manifest = Manifest.load(path)
    for name, column in expected.items():
        found = manifest.column(name) if name in manifest.columns else None
        if found is None:
            raise TransferStoreError(f"{path}: no column {name}; it holds {', '.join(manifest.columns)}. {_FORMAT}")
        if (found.shape, found.per_piece) != (column.shape, column.per_piece) or found.dtype.kind != column.dtype.kind:
            raise TransferStoreError(f"{path}: column {name} is {_shown(found)}, this run reads {_shown(column)}. "
                                     f"{_FORMAT}")
    TransferStore(path, list(expected))
    floats = [name for name, column in expected.items() if column.dtype.kind == "f"]
    floats += [name + part for name in floats if manifest.is_int8(name) for part in (INT8_SCALE, INT8_OFFSET)]
    for shard in range(manifest.num_shards):
        _check_shard(shard_path(path, shard), floats, pieces)


def _check_shard(folder: pathlib.Path, floats: Sequence[str], pieces: int) -> None:
    ids = np.load(folder / "input_ids.npy", mmap_mode="r")
    if len(ids) and not 0 <= ids.min() <= ids.max() < pieces:
        raise TransferStoreError(f"{folder / 'input_ids.npy'}: ids from {ids.min()} to {ids.max()}, expected 0 to "
                                 f"{pieces - 1}. Encode the text with the tokenizer of `pt_teacher_checkpoint`.")
    for name in floats:
        file = folder / f"{name}.npy"
        if not np.isfinite(np.load(file, mmap_mode="r")).all():
            raise TransferStoreError(f"{file}: contains numbers that are not finite. Write it again, with float32 for "
                                     "hidden states that overflow float16.")


def _shown(column: Column) -> str:
    return f"{column.dtype.name} {list(column.shape)} {'a piece' if column.per_piece else 'an example'}"
