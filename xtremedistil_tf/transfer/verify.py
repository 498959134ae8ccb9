"""Reading a whole store to find what is damaged, and taking that away so that it is written again."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.transfer.hidden_pca import FILE as PCA_FILE
from xtremedistil_tf.transfer.hidden_pca import HiddenPca, load_pca
from xtremedistil_tf.transfer.layout import Manifest, shard_path
from xtremedistil_tf.transfer.lock import writer_lock
from xtremedistil_tf.transfer.shards import Shards


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
    pca, pca_fault = _pca(store, manifest)
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


def _pca(store: pathlib.Path, manifest: Manifest) -> tuple[HiddenPca | None, str]:
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
