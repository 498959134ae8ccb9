"""Mean states that the teacher gives each piece over the transfer text: what a student's embedding table is made of.

A shard's sums are written with the shard, as `shard-00000/piece_states.npz`. Once all shards are there, they become
`piece_states.npz` of the store, and are deleted. So a million sentences need no hidden states on disk, and a store
that was interrupted loses nothing. Both files hold

    ids      int32 [n], the pieces that occur, ascending
    counts   int64 [n], how often
    states   float32 [n, width]: in a shard the sum of the states, in the store their mean
"""

from __future__ import annotations

import dataclasses
import pathlib
import zipfile
from collections.abc import Iterable, Iterator

import numpy as np

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import ALIGNED, HIDDEN, Manifest, shard_path
from xtremedistil_tf.transfer.reader import TransferStore

PIECE_STATES_FILE = "piece_states.npz"


@dataclasses.dataclass(frozen=True)
class PieceStates:
    """Attributes:
        ids: int32 [n], pieces, ascending.
        counts: int64 [n], occurrences of each.
        states: float32 [n, width], sum or mean of the teacher's states there.
    """

    ids: np.ndarray
    counts: np.ndarray
    states: np.ndarray

    def save(self, path: pathlib.Path) -> None:
        with atomic_file(path) as part, open(part, "wb") as handle:
            np.savez(handle, ids=self.ids, counts=self.counts, states=self.states)

    @classmethod
    def load(cls, path: pathlib.Path) -> PieceStates:
        """Raises TransferStoreError where the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as archive:
                return cls(archive["ids"], archive["counts"], archive["states"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise TransferStoreError(f"{path}: not readable ({error}). Delete it and run the command that writes the "
                                     "store again.") from error


def summed(ids: np.ndarray, states: np.ndarray, mask: np.ndarray | None = None) -> PieceStates:
    """The sum of the states of each piece.

    Args:
        ids: int32 [pieces].
        states: float [pieces, width].
        mask: float [pieces], 0 where a piece has no state; None: all have one.
    """
    if mask is not None:
        ids, states = ids[mask > 0], states[mask > 0]
    if not len(ids):
        return PieceStates(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros((0, states.shape[1]), np.float32))
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sums = np.add.reduceat(states[order].astype(np.float32), begins, axis=0)
    return PieceStates(ordered[begins].astype(np.int32), np.diff(np.r_[begins, len(ordered)]), sums)


def means(parts: Iterable[PieceStates]) -> PieceStates:
    """The mean state of each piece, from sums over parts of the text."""
    parts = list(parts)
    ids = np.unique(np.concatenate([part.ids for part in parts]))
    counts, sums = np.zeros(len(ids), np.int64), np.zeros((len(ids), parts[0].states.shape[1]))
    for part in parts:
        rows = np.searchsorted(ids, part.ids)
        counts[rows] += part.counts
        sums[rows] += part.states
    return PieceStates(ids.astype(np.int32), counts, (sums / np.maximum(counts, 1)[:, None]).astype(np.float32))


def has_sums(store: pathlib.Path, shard: int) -> bool:
    """Whether a shard's sums are there, or the store's means, which they went into."""
    return (store / PIECE_STATES_FILE).exists() or (shard_path(store, shard) / PIECE_STATES_FILE).exists()


def gather(store: pathlib.Path, num_shards: int) -> None:
    """Makes the store's file from those of its shards, unless it is there, and deletes those."""
    files = [shard_path(store, shard) / PIECE_STATES_FILE for shard in range(num_shards)]
    if not (store / PIECE_STATES_FILE).exists():
        means(PieceStates.load(file) for file in files).save(store / PIECE_STATES_FILE)
    for file in files:
        file.unlink(missing_ok=True)


def merge_piece_states(stores: list[pathlib.Path], out: pathlib.Path) -> None:
    """Writes the mean states over the text of several stores, if all have them."""
    if not all((store / PIECE_STATES_FILE).exists() for store in stores):
        return
    found = (PieceStates.load(store / PIECE_STATES_FILE) for store in stores)
    sums = (PieceStates(one.ids, one.counts, one.states * one.counts[:, None]) for one in found)
    means(sums).save(out / PIECE_STATES_FILE)


def piece_states(store: pathlib.Path) -> PieceStates | None:
    """The mean states of a finished store: as kept, or from the last of its layers of hidden states; else None."""
    if (store / PIECE_STATES_FILE).exists():
        return PieceStates.load(store / PIECE_STATES_FILE)
    manifest = Manifest.load(store)
    if HIDDEN not in manifest.columns:
        return None
    columns = ["input_ids", HIDDEN, *([ALIGNED] if ALIGNED in manifest.columns else [])]
    return means(_shard_sums(TransferStore(store, columns)))


def _shard_sums(store: TransferStore) -> Iterator[PieceStates]:
    size = store.manifest.shard_sentences
    for begin in range(0, len(store), size):
        read = store.read_many(np.arange(begin, min(begin + size, len(store))))
        yield summed(read["input_ids"], read[HIDDEN][:, -1], read.get(ALIGNED))
