"""The actor that makes shards, with a teacher and a share of a machine of its own.

Nothing heavy is imported before it starts, so that TensorFlow can be set up for the share.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pickle
import socket
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.errors import ModelLoadError, TransferStoreError, XtremeDistilError

if TYPE_CHECKING:
    from xtremedistil_tf.transfer.hidden_states import HiddenPca, PcaFit
    from xtremedistil_tf.transfer.making import ShardMaker


#: What must be the same everywhere for shards to be.
_PACKAGES = ("xtremedistil-tf", "tensorflow", "transformers", "tokenizers", "numpy")


class ShardWorker:
    """Makes shards in a process of its own.

    Args:
        maker: a pickled `ShardMaker`.
        folder: the working folder, which relative paths begin at.
        versions: of the packages, see `package_versions`.
        cpus: cores to use.
    """

    def __init__(self, maker: bytes, folder: str, versions: Mapping[str, str], cpus: int):
        self._pickled, self._folder, self._versions, self._cpus = maker, folder, versions, cpus
        self._place = f"{socket.gethostname()} (process {os.getpid()})"

    def start(self) -> str:
        """Loads the teacher and returns where the worker is.

        Raises:
            TransferStoreError: packages or folders are not those of the process that started it.
        """
        with self._explained():
            self._check_versions()
            self._enter_folder()
            _take_share(self._cpus)
            self._maker: ShardMaker = pickle.loads(self._pickled)
            del self._pickled
            self._check_store()
            self._maker.load_teacher()
        return self._place

    def make(self, shard: int, examples: list[Any], hidden_pca: HiddenPca | None) -> int:
        """As `ShardMaker.make`."""
        with self._explained():
            self._maker.hidden_pca = hidden_pca
            try:
                return self._maker.make(shard, examples)
            except OSError:
                # A worker that was given up as lost, its machine being cut off, may have gone on and put the
                # very same shard there first.
                if not self._maker.shards.is_whole(shard):
                    raise
                return self._maker.shards.facts(shard).truncated

    def pca_fit(self, sample: list[Any]) -> PcaFit:
        """As `ShardMaker.pca_fit`."""
        with self._explained():
            return self._maker.pca_fit(sample)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Says on which machine a mistake came up; of a type that survives the way back."""
        try:
            yield
        except XtremeDistilError as error:
            raise TransferStoreError(f"Ray worker on {self._place}: {error}") from None

    def _check_versions(self) -> None:
        here = package_versions()
        other = [f"{name} {here.get(name, 'not installed')}, not {version}"
                 for name, version in self._versions.items() if here.get(name) != version]
        if other:
            raise ModelLoadError(f"{'; '.join(other)}. Their shards would differ. Install the same packages on all "
                                 "machines.")

    def _enter_folder(self) -> None:
        try:
            os.chdir(self._folder)
        except OSError as error:
            raise TransferStoreError(f"{self._folder}: {error.strerror}. Run the command in a folder "
                                     "of the file system that all machines share, under the same path.") from None

    def _check_store(self) -> None:
        from xtremedistil_tf.transfer.format import Manifest

        store = pathlib.Path(self._maker.store)
        if not store.is_dir() or Manifest.load(store).fingerprint != self._maker.manifest.fingerprint:
            raise TransferStoreError(f"{store}: not found on this machine. Give `transfer_store_dir` on a file "
                                     "system that all machines share, under the same path.")


def package_versions() -> dict[str, str]:
    """Name -> version of what shards depend on, as far as it is installed."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _take_share(cpus: int) -> None:
    """Sets TensorFlow up for some of a machine's cores, and for a GPU that others may share."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("RAYON_NUM_THREADS", str(cpus))  # of the tokenizers
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(cpus)
    tf.config.threading.set_inter_op_parallelism_threads(cpus)
    tf.config.experimental.enable_op_determinism()
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
