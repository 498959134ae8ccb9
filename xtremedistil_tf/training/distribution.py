"""Training on several devices and machines: the strategy of a process, and what its workers agree on.

A worker is a process; it has one replica on each of its GPUs, or one on its CPU. Losses and gradients of a
batch are sums over all replicas (see `losses`), so that the student is the one that a single replica would
make.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import ConfigError, XtremeDistilError, reason_of
from xtremedistil_tf.training.batches import Shares

_EXAMPLE = ('{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
            '"task": {"type": "worker", "index": 0}}')
_JOBS = ("chief", "worker")


@functools.lru_cache(maxsize=1)
def strategy_for() -> tf.distribute.Strategy:
    """The strategy of this process, the same one at every call.

    Several workers in the environment variable `TF_CONFIG`: `MultiWorkerMirroredStrategy`. Several GPUs:
    `MirroredStrategy`. Else the default one, which leaves everything as it is without a strategy (a
    strategy of one replica would read its batches through slower iterators).

    It has to be called before anything else of TensorFlow that touches a device, and with several workers
    it waits for all of them.

    Raises:
        ConfigError: `TF_CONFIG` is malformed, or too late, or its address cannot be used.
    """
    if _workers_in(os.environ.get("TF_CONFIG", "")) > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise ConfigError(f"TF_CONFIG={os.environ['TF_CONFIG']}: cannot connect the workers "
                              f"({reason_of(error)}). Every worker needs the same `cluster`, its "
                              "own `index`, and its own address with a free port.") from error
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _workers_in(tf_config: str) -> int:
    """Number of workers in the value of `TF_CONFIG`, 1 where it is empty."""
    if not tf_config:
        return 1
    try:
        value = json.loads(tf_config)
        cluster = {job: list(value["cluster"][job]) for job in value["cluster"]}
        job, index = value["task"]["type"], int(value["task"]["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"TF_CONFIG={tf_config}: not understood ({type(error).__name__}: {error}). "
                          f"Expected for instance {_EXAMPLE}, or no such variable.") from error
    if unknown := sorted({*cluster, job} - set(_JOBS)):
        raise ConfigError(f"TF_CONFIG={tf_config}: found {', '.join(unknown)}, expected only `worker` and at "
                          "most one `chief`; there are no parameter servers and no evaluators.")
    if not 0 <= index < len(cluster.get(job, ())):
        raise ConfigError(f"TF_CONFIG={tf_config}: there is no {job} {index}; the cluster has "
                          f"{len(cluster.get(job, ()))} of them, counted from 0.")
    return sum(map(len, cluster.values()))


class Workers:
    """The processes that train together under a strategy, of which one, the chief, writes files.

    Args:
        strategy: what `strategy_for` gave; None: the one in whose scope this is called.

    Attributes:
        count: number of workers.
        number: this one's, from 0.
        chief: whether it is the one that writes files.
        shares: which shares of a batch its replicas take; None where there is one replica in all.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self.strategy = strategy or tf.distribute.get_strategy()
        total, numbers = self.strategy.num_replicas_in_sync, [0]
        if total > 1:
            numbers = self.strategy.experimental_local_results(
                self.strategy.experimental_distribute_values_from_function(
                    lambda context: context.replica_id_in_sync_group))
        self.count, self.number = total // len(numbers), numbers[0] // len(numbers)
        self.chief = self.number == 0
        self.shares = Shares(tuple(numbers), total) if total > 1 else None

    def from_chief(self, values: np.ndarray) -> np.ndarray:
        """The chief's values, at all workers; every worker has to call it, with values of the same shape."""
        return self._summed(np.asarray(values) if self.chief else np.zeros_like(values))

    def copy_from_chief(self, variables: Sequence[tf.Variable]) -> None:
        """Gives all workers the chief's weights, whatever rounding they have on machines of another kind."""
        if self.count > 1:
            for variable in variables:
                variable.assign(self.from_chief(variable.numpy()))

    def agree(self, facts: Mapping[str, Any]) -> None:
        """Waits for all workers and makes sure that they are about to do the same.

        Raises:
            ConfigError: at all workers, if the facts differ.
        """
        table = np.zeros((self.count, len(facts)), np.float64)
        table[self.number] = [zlib.crc32(str(value).encode()) for value in facts.values()]
        differs = (np.ptp(self._summed(table), axis=0) > 0).tolist()
        if any(differs):
            mine = ", ".join(f"{name} {facts[name]}" for name, other in zip(facts, differs) if other)
            raise ConfigError(
                f"the workers do not run the same job: worker {self.number} has {mine}, another one "
                "does not. Give every worker the same command and the same files: `model_dir` and the data have to "
                "be on a file system that all of them share.")

    @contextlib.contextmanager
    def chief_first(self) -> Iterator[None]:
        """The block runs at the chief and then at the others, which find what it has written."""
        if not self.chief:
            self._summed(np.zeros(1))
        yield
        if self.chief:
            self._summed(np.zeros(1))

    def _summed(self, values: np.ndarray) -> np.ndarray:
        """The sum over all workers."""
        if self.count == 1:
            return values
        nothing = np.zeros_like(values)
        shared = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                values if context.replica_id_in_sync_group == self.shares.local[0] else nothing))
        with worker_loss_explained():
            return self.strategy.reduce(tf.distribute.ReduceOp.SUM, shared, axis=None).numpy()


@contextlib.contextmanager
def worker_loss_explained() -> Iterator[None]:
    """Turns TensorFlow's error about a worker that is gone into one that says what to do."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        _, gone, reason = str(error).partition("Collective ops is aborted by: ")
        if not gone:
            raise
        raise XtremeDistilError(f"lost contact with a worker ({reason.splitlines()[0]}). Stop the others and start all "
                                "workers again with the same commands; training resumes from the last "
                                "checkpoint.") from error
