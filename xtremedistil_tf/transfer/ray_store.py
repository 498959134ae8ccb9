"""Writing a transfer store with the workers of a Ray cluster.

The process that starts it stays in charge: it holds the store's lock, reads the text and hands it out shard
by shard, and finishes the manifest. Workers load the teacher once each and write whole shards into the folder
of the store, which all machines share. Only text and counts go over the network.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import os
import pathlib
import pickle
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.atomic import remove_leftovers
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError, TransferStoreError
from xtremedistil_tf.teachers.fine_tuned import FineTunedTeachers
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherSignals
from xtremedistil_tf.transfer.hidden_states import PcaFit
from xtremedistil_tf.transfer.making import ShardMaker
from xtremedistil_tf.transfer.ray_worker import ShardWorker, package_versions
from xtremedistil_tf.transfer.ray_workers import Job, Share, WorkerPool, connected, require_ray, share_of

if TYPE_CHECKING:
    from tqdm import tqdm

    from xtremedistil_tf.tasks.task import Task
    from xtremedistil_tf.teachers.protocol import TeacherPredictor

log = logging.getLogger(__name__)
# A machine may learn only after a while what another one wrote: NFS remembers for up to 60 seconds that a
# file was not there.
_VISIBLE_SECONDS = 120.0
_POLL_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class PredictorRecipe:
    """Makes a predictor wherever the teachers' directories are found under the same path.

    Attributes:
        teachers: fine-tuned, by their directories.
        task: what they answer.
        signals: which of their inner workings the store keeps.
        pad_id: id of the padding piece of their tokenizer.
        batch_size: most examples in a batch.
        seq_len: most pieces of an example.
    """

    teachers: FineTunedTeachers
    task: Task
    signals: TeacherSignals
    pad_id: int
    batch_size: int
    seq_len: int

    def __call__(self) -> TeacherPredictor:
        """Loads the teachers and makes their predictor."""
        return self.predictor(self.teachers.load(self.task))

    def predictor(self, teacher: LoadedTeacher) -> TeacherPredictor:
        """The predictor of a teacher that is loaded already."""
        from xtremedistil_tf.teachers.protocol import TeacherPredictor

        signals = self.signals
        return TeacherPredictor(teacher, signals.hidden, self.pad_id, self.batch_size, signals.attentions,
                                self.seq_len, signals.relations)


@dataclasses.dataclass(frozen=True)
class RayWorkforce:
    """A `Workforce` for `write_store`: the workers of a Ray cluster.

    What makes the predictor must be picklable, such as `PredictorRecipe`. The store is byte for byte that of
    one process, where all machines compute alike.

    Attributes:
        address: `auto`, `local` or host:port, see `connected`.
        workers: how many; 0: see `share_of`.
    """

    address: str = "auto"
    workers: int = 0

    @contextlib.contextmanager
    def __call__(self, maker: ShardMaker) -> Iterator[RayShardWorkers]:
        """Starts the workers, and ends them.

        Raises:
            MissingExtraError: ray is not installed.
            ConfigError: there is no such cluster, or it cannot be sent what it needs.
        """
        require_ray()
        pickled = _pickled(dataclasses.replace(maker, store=pathlib.Path(os.path.abspath(maker.store))))
        with connected(self.address):
            import ray

            share = share_of([node["Resources"] for node in ray.nodes() if node["Alive"]], self.workers)
            log.info("transfer store %s: %d Ray worker%s, %d core%s%s each", maker.store, share.workers,
                     "s" * (share.workers > 1), share.cpus, "s" * (share.cpus > 1),
                     f" and {share.gpus:.2g} GPU" if share.gpus else "")
            pool = WorkerPool(_new_actor(share, ray.put(pickled)), share.workers)
            try:
                yield RayShardWorkers(maker, pool)
            finally:
                pool.close()


class RayShardWorkers:
    """The workers at work.

    Args:
        maker: that they have copies of, but for `hidden_pca`, which is sent with each shard.
        pool: the workers.
    """

    def __init__(self, maker: ShardMaker, pool: WorkerPool):
        self._maker, self._pool = maker, pool

    def pca_fit(self, sample: list[AnyExample]) -> PcaFit:
        """As `ShardMaker.pca_fit`, by one of them."""
        (_, fit), = self._pool.run([Job("finding principal components", "pca_fit", (sample,))])
        return copy.deepcopy(fit)  # what Ray hands over is read-only

    def make(self, shards: Iterator[tuple[int, list[AnyExample]]], bar: tqdm) -> int:
        """See `ShardWorkers.make`; what a lost worker was making is made again."""
        import ray

        pca = ray.put(self._maker.hidden_pca)
        jobs = (Job(f"shard {shard}", "make", (shard, examples, pca)) for shard, examples in shards)
        truncated, made, manifest = 0, [], self._maker.manifest
        for job, cut in self._pool.run(jobs):
            shard, examples, _ = job.args
            truncated += cut
            made.append(shard)
            done = -(-(bar.n + len(examples)) // manifest.shard_sentences)
            bar.set_postfix_str(f"shards {done}/{manifest.num_shards}, {self._pool.ready} workers", False)
            bar.update(len(examples))
        for shard in made:
            self._await(shard)
        if self._pool.losses:
            with contextlib.suppress(OSError):  # a worker cut off by the network may be writing there still
                remove_leftovers(self._maker.store)
        return truncated

    def _await(self, shard: int) -> None:
        """Waits until a shard is seen here, too."""
        until = time.monotonic() + _VISIBLE_SECONDS
        while fault := self._maker.shards.fault(shard):
            if time.monotonic() > until:
                raise TransferStoreError(f"{self._maker.shards.path(shard)}: a worker wrote it, but on this "
                                         f"machine it is incomplete ({fault}). The store must be on a file system "
                                         "that all machines share, under the same path.")
            time.sleep(_POLL_SECONDS)


def _pickled(maker: ShardMaker) -> bytes:
    from ray import cloudpickle

    try:
        return cloudpickle.dumps(maker)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ConfigError(f"the teacher or its tokenizer cannot be sent to Ray workers ({error}). Omit "
                          "`ray_address`, or choose a teacher with a fast tokenizer.") from error


def _new_actor(share: Share, maker: Any) -> Any:
    """Asks Ray for a worker; a lost one is replaced by the pool, which counts."""
    import ray

    actor = ray.remote(ShardWorker).options(num_cpus=share.cpus, num_gpus=share.gpus, max_restarts=0,
                                            max_task_retries=0, scheduling_strategy="SPREAD")
    return lambda: actor.remote(maker, os.getcwd(), package_versions(), share.cpus)
