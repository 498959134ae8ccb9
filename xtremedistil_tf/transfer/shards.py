"""The shards of a store: one writer at a time, written whole, counted and checked, the damaged ones taken away.

`shard.json`, beside a shard's arrays, has the keys of `ShardFacts`:

    {"examples": 8192, "pieces": 201312, "truncated": 3,
     "checksums": {"offsets": "crc32:0a1b2c3d", "input_ids": "crc32:...", ...}}

A checksum is over an array's values, without the header of the .npy file: `zlib.crc32(np.load(file))`. The
file, and any key in it, may be left out; what it says is checked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, read_json, write_json
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.folder_lock import folder_lock
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.transfer.format import HIDDEN, OFFSETS, Manifest, checksum, shard_path
from xtremedistil_tf.transfer.hidden_states import PCA_FILE, HiddenPca, load_pca

log = logging.getLogger(__name__)

_WRITER = "writer"
#: Files of the one that writes.
LOCK, OWNER = f"{_WRITER}.lock", f"{_WRITER}.json"
SHARD_FACTS = "shard.json"


@contextlib.contextmanager
def writer_lock(store: pathlib.Path) -> Iterator[None]:
    """Holds a store for writing; waits, with a message, while another process does.

    Args:
        store: folder of the store, which must exist.

    Raises:
        TransferStoreError: the folder cannot be written.
    """
    def busy(owner: str) -> None:
        log.info("transfer store %s: %s is writing it; waiting for it to finish", store, owner)

    with folder_lock(store, _WRITER, busy, TransferStoreError):
        yield


@dataclasses.dataclass(frozen=True)
class ShardFacts:
    """Attributes:
        examples, pieces: how many there are.
        truncated: examples that were cut at seq_len.
        hidden_pca: checksum of the components that hidden states are kept as, where they are.
        checksums: name of an array -> its checksum.
    """

    examples: int | None = None
    pieces: int | None = None
    truncated: int | None = None
    hidden_pca: str = ""
    checksums: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, folder: pathlib.Path) -> ShardFacts:
        """What the file says, nothing where there is none; ValueError where it is damaged."""
        try:
            values = read_json(folder / SHARD_FACTS)
        except FileNotFoundError:
            return cls()
        if not isinstance(values, dict) or not isinstance(values.get("checksums", {}), dict):
            raise ValueError("not a JSON object with checksums")
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: values[name] for name in names if name in values})


class Shards:
    """The shards of one store.

    Args:
        store: folder of the store.
        manifest: its manifest, or the one it is to get.
        hidden_pca: the components in use, where hidden states are kept as such.
    """

    def __init__(self, store: pathlib.Path, manifest: Manifest, hidden_pca: HiddenPca | None = None):
        self._store, self.manifest = store, manifest
        self._pca = hidden_pca.checksum if hidden_pca else ""

    def path(self, shard: int) -> pathlib.Path:
        return shard_path(self._store, shard)

    def facts(self, shard: int) -> ShardFacts:
        """Raises TransferStoreError where `shard.json` cannot be read."""
        try:
            return ShardFacts.load(self.path(shard))
        except (OSError, ValueError) as error:
            raise TransferStoreError(f"{self.path(shard) / SHARD_FACTS}: not readable ({error})") from error

    def offsets(self, shard: int) -> np.ndarray:
        """int64 [examples + 1]."""
        return np.load(self.path(shard) / f"{OFFSETS}.npy")

    def array(self, shard: int, name: str) -> np.ndarray:
        """An array of a shard, mapped."""
        return np.load(self.path(shard) / f"{name}.npy", mmap_mode="r")

    def fault(self, shard: int) -> str | None:
        """What is wrong with the shape of a shard; None where every array is there and as long as it must be.

        No values are read but the offsets, so that this is cheap.
        """
        if not self.path(shard).is_dir():
            return "missing"
        try:
            facts, offsets = self.facts(shard), self.offsets(shard)
        except (TransferStoreError, OSError, ValueError, EOFError) as error:
            return str(error)
        examples = self.manifest.sentences_of(shard)
        if offsets.shape != (examples + 1,) or offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any():
            return f"{OFFSETS}.npy: expected {examples + 1} numbers from 0 that never fall"
        pieces = int(offsets[-1])
        if facts.examples not in (None, examples) or facts.pieces not in (None, pieces):
            return (f"{SHARD_FACTS}: {facts.examples} examples of {facts.pieces} subwords, the arrays have "
                    f"{examples} of {pieces}")
        if self._pca and facts.hidden_pca and facts.hidden_pca != self._pca:
            return f"{HIDDEN}.npy: kept with other principal components than those in the store"
        return self._array_fault(shard, pieces)

    def _array_fault(self, shard: int, pieces: int) -> str | None:
        for name, (shape, dtype) in self.manifest.arrays(self.manifest.sentences_of(shard), pieces).items():
            try:
                array = self.array(shard, name)
            except (OSError, ValueError, EOFError) as error:
                return f"{name}.npy: {'missing' if isinstance(error, FileNotFoundError) else error}"
            if array.shape != shape or array.dtype != dtype:
                return f"{name}.npy: {array.dtype} {list(array.shape)}, expected {dtype} {list(shape)}"
        return None

    def is_whole(self, shard: int) -> bool:
        """Whether there is no `fault`."""
        return self.fault(shard) is None

    def wrong_values(self, shard: int) -> str | None:
        """The arrays of a shard without `fault` whose values are not those that were written; reads all."""
        wrong = [f"{name}.npy: checksum {found}, written as {expected}"
                 for name, expected in self.facts(shard).checksums.items()
                 if (found := self._checksum(shard, name)) != expected]
        return "; ".join(wrong) or None

    def _checksum(self, shard: int, name: str) -> str:
        try:
            return checksum(self.array(shard, name))
        except (OSError, ValueError, EOFError) as error:
            return str(error)

    def save(self, shard: int, arrays: Mapping[str, np.ndarray], truncated: int | None = None,
             beside: Mapping[str, Callable[[pathlib.Path], None]] | None = None) -> None:
        """Writes a shard with its checksums, whole or not at all.

        Args:
            shard: its number.
            arrays: name -> values.
            truncated: examples that were cut.
            beside: name of a further file -> what writes it.
        """
        offsets = arrays[OFFSETS]
        facts = ShardFacts(len(offsets) - 1, int(offsets[-1]), truncated, self._pca,
                           {name: checksum(values) for name, values in arrays.items()})
        with atomic_directory(self.path(shard)) as part:
            for name, values in arrays.items():
                np.save(part / f"{name}.npy", values)
            for name, write in (beside or {}).items():
                write(part / name)
            known = {key: value for key, value in dataclasses.asdict(facts).items() if value not in (None, "")}
            write_json(part / SHARD_FACTS, known)


@dataclasses.dataclass(frozen=True)
class Verification:
    """What reading a store found.

    Attributes:
        manifest: of the store.
        damaged: shard -> what is wrong with it; missing ones included.
        unchecked: shards without checksums, of which shapes alone are known to be right.
        pca_fault: what is wrong with the principal components, "" for nothing.
    """

    manifest: Manifest
    damaged: dict[int, str]
    unchecked: list[int]
    pca_fault: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the store is finished and nothing is damaged."""
        return self.manifest.complete and not self.damaged and not self.pca_fault


def verify_store(store: pathlib.Path) -> Verification:
    """Reads every array of a store, finished or not, and compares checksums.

    Raises:
        TransferStoreError: there is no readable manifest.
    """
    manifest = Manifest.load(store)
    pca, pca_fault = _pca_or_fault(store, manifest)
    shards = Shards(store, manifest, pca)
    damaged, unchecked = {}, []
    with progress_bar(manifest.num_shards, "verifying", "shard") as bar:
        for shard in range(manifest.num_shards):
            if fault := shards.fault(shard) or shards.wrong_values(shard):
                damaged[shard] = fault
            elif not shards.facts(shard).checksums:
                unchecked.append(shard)
            bar.update(1)
    return Verification(manifest, damaged, unchecked, pca_fault)


def _pca_or_fault(store: pathlib.Path, manifest: Manifest) -> tuple[HiddenPca | None, str]:
    try:
        return load_pca(store, manifest), ""
    except TransferStoreError as error:
        return None, str(error)


def remove_damaged(store: pathlib.Path) -> Verification:
    """Verifies a store, removes what is damaged and marks the store as unfinished, so that the command that
    writes it writes just that again. Returns what was found.

    Raises:
        TransferStoreError: another program wrote the store, which nothing here can write again.
    """
    with writer_lock(store):
        found = verify_store(store)
        if not found.damaged and not found.pca_fault:
            return found
        if found.manifest.fingerprint != fingerprint(found.manifest.identity):
            raise TransferStoreError(f"{store}: {len(found.damaged)} of {found.manifest.num_shards} shards are "
                                     "damaged. Another program wrote the store: write it again with that.")
        dataclasses.replace(found.manifest, complete=False).save(store)
        for shard in found.damaged:
            if shard_path(store, shard).exists():
                shutil.rmtree(shard_path(store, shard))
        if found.pca_fault:
            (store / PCA_FILE).unlink(missing_ok=True)
        return found
