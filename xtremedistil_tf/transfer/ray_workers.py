"""Work on a Ray cluster: connecting to it, sharing out its machines, actors that replace one another.

Ray places the actors. Which of them does what is decided here, because Ray's own ways lack something for long
jobs on machines that come and go: `ray.data` gives actors several jobs in advance and repeats one that kills
its worker without end, and `ray.util.ActorPool` waits for actors that have no machine to run on.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib.util
import logging
import math
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError, MissingExtraError, TransferStoreError, XtremeDistilError

log = logging.getLogger(__name__)
AUTO, LOCAL = "auto", "local"
_CONNECTION_SECONDS = 10
_MOST_LOSSES = 3
_PATIENCE_SECONDS = 60
_MEMORY = ("A worker that is killed repeatedly has probably run out of memory: use fewer `ray_workers` or "
           "a smaller `teacher_batch_size`.")


def require_ray(purpose: str = "`ray_address`") -> None:
    """Raises MissingExtraError where ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", purpose)


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Connects this process to a cluster for the time being; one that is connected already stays so.

    Args:
        address: `auto` for the cluster that this machine belongs to, `local` for a new one on this
            machine, or host:port of the head.

    Raises:
        MissingExtraError: ray is not installed.
        ConfigError: there is no such cluster, it has another version of Ray or Python, or another token.
    """
    require_ray()
    import ray
    from ray.exceptions import RayError

    if ray.is_initialized():
        yield
        return
    options = {}
    if address == LOCAL:
        options["include_dashboard"] = False
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is to be sent from here unasked
    try:
        if address not in (AUTO, LOCAL):
            _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING, **options)
    except (RayError, RuntimeError, ValueError, OSError) as error:
        raise ConfigError(f"`ray_address={address}`: cannot connect ({' '.join(str(error).split())}). "
                          "Expected auto on a machine of a running cluster (ray status shows it), host:port "
                          "of its head, or local.") from error
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError or ValueError where nobody answers: Ray itself would try for many minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), _CONNECTION_SECONDS).close()


@dataclasses.dataclass(frozen=True)
class Share:
    """Attributes:
        workers: how many there are.
        cpus: cores of each.
        gpus: of each; a fraction where several share one, 0 for none.
    """

    workers: int
    cpus: int
    gpus: float


def share_of(machines: Sequence[Mapping[str, float]], workers: int = 0) -> Share:
    """What each worker gets, the same for all of them.

    Where there are GPUs, only machines with GPUs are used. Each worker gets as many cores as it can with all
    others having as many.

    Args:
        machines: what each one has, `CPU` and `GPU` by Ray's names.
        workers: how many to have; 0: one for each GPU, or else as many as fit with all cores of the smallest
            machine each.

    Raises:
        ConfigError: no machine lets its cores be used.
    """
    machines = [machine for machine in machines if machine.get("CPU", 0) >= 1]
    if not machines:
        raise ConfigError("No machine of the Ray cluster offers CPU cores to workers. Add one without "
                          "--num-cpus=0: ray start --address=<head>:6379")
    with_gpu = [machine for machine in machines if machine.get("GPU", 0) >= 1]
    machines, gpus = with_gpu or machines, 0.0
    most = int(max(machine["CPU"] for machine in machines))
    if with_gpu:
        total = int(sum(machine["GPU"] for machine in machines))
        workers = workers or total
        gpus = 1 / math.ceil(workers / total)
    elif not workers:
        most = int(min(machine["CPU"] for machine in machines))
        workers = _fitting(machines, most, gpus)
    cpus = next((cpus for cpus in range(most, 1, -1) if _fitting(machines, cpus, gpus) >= workers), 1)
    return Share(workers, cpus, gpus)


def _fitting(machines: Sequence[Mapping[str, float]], cpus: int, gpus: float) -> int:
    """How many workers with so many cores and GPUs each have room."""
    places = [int(machine["GPU"]) * round(1 / gpus) if gpus else math.inf for machine in machines]
    return int(sum(min(machine["CPU"] // cpus, most) for machine, most in zip(machines, places)))


@dataclasses.dataclass(frozen=True)
class Job:
    """A call of a worker's method.

    Attributes:
        name: for messages.
        method, args: what to call, and with what.
    """

    name: str
    method: str
    args: tuple[Any, ...]


@dataclasses.dataclass
class _Worker:
    actor: Any
    place: str = "?"


class WorkerPool:
    """Some actors of one kind.

    Args:
        new_actor: asks Ray for an actor. Its method `start()` returns where it is, for messages.
        size: how many to have.

    Attributes:
        losses: how many workers were lost.
    """

    def __init__(self, new_actor: Callable[[], Any], size: int):
        self._new_actor, self.losses, self._lost_starting = new_actor, 0, 0
        self._idle: list[_Worker] = []
        self._starting: dict[Any, _Worker] = {}
        self._busy: dict[Any, tuple[_Worker, Job]] = {}
        for _ in range(size):
            self._start()

    @property
    def ready(self) -> int:
        """How many workers there are now."""
        return len(self._idle) + len(self._busy)

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Yields jobs with what they returned, in the order in which they are done.

        Only one job more is drawn from `jobs` than workers are at work.

        Raises:
            TransferStoreError: a job lost three workers, or workers are lost as they start.
            XtremeDistilError, OSError, RayTaskError: what a job raised.
        """
        coming = iter(jobs)
        again: collections.deque[Job] = collections.deque()
        losses: collections.Counter[str] = collections.Counter()
        job = next(coming, None)
        while job or self._busy:
            if job and self._idle:
                self._give(self._idle.pop(), job)
                job = again.popleft() if again else next(coming, None)
                continue
            ref = self._first_done()
            if ref in self._starting:
                self._finish_start(ref)
                continue
            worker, finished = self._busy.pop(ref)
            try:
                result = _result(ref)
            except _Lost as lost:
                losses[finished.name] += 1
                self._replace(worker, finished.name, losses[finished.name], lost)
                again.append(finished)
                job = job or again.popleft()
                continue
            self._idle.append(worker)
            yield finished, result

    def close(self) -> None:
        """Ends all workers."""
        import ray

        working = [worker for worker, _ in self._busy.values()]
        for worker in [*self._idle, *self._starting.values(), *working]:
            ray.kill(worker.actor)

    def _give(self, worker: _Worker, job: Job) -> None:
        self._busy[getattr(worker.actor, job.method).remote(*job.args)] = worker, job

    def _start(self) -> None:
        worker = _Worker(self._new_actor())
        self._starting[worker.actor.start.remote()] = worker

    def _finish_start(self, ref: Any) -> None:
        worker = self._starting.pop(ref)
        try:
            worker.place = _result(ref)
        except _Lost as lost:
            self._lost_starting += 1
            self._replace(worker, "its start", self._lost_starting, lost)
        else:
            self._lost_starting = 0
            self._idle.append(worker)

    def _replace(self, worker: _Worker, doing: str, times: int, lost: _Lost) -> None:
        import ray

        self.losses += 1
        ray.kill(worker.actor)  # one that only cannot be reached must not go on either
        if times >= _MOST_LOSSES:
            raise TransferStoreError(f"{doing} lost {times} Ray workers, the last one on {worker.place} "
                                     f"({lost}). {_MEMORY} What is written is kept: run the same command "
                                     "to continue.")
        log.warning("lost the Ray worker on %s during %s (%s); another worker repeats its share", worker.place,
                    doing, lost)
        self._start()

    def _first_done(self) -> Any:
        import ray

        while True:
            done, _ = ray.wait([*self._starting, *self._busy], num_returns=1, timeout=_PATIENCE_SECONDS)
            if done:
                return done[0]
            if not self._busy:
                log.warning("no Ray worker has started for %d seconds: the cluster has no free resources, or a worker "
                            "is loading the teacher; still waiting (ray status shows what is free)",
                            _PATIENCE_SECONDS)


class _Lost(Exception):
    """A worker is gone."""


def _result(ref: Any) -> Any:
    """What a call returned.

    Raises:
        _Lost: the worker is gone.
        XtremeDistilError, OSError, RayTaskError: what the call raised.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, (XtremeDistilError, OSError)):
            raise error.cause from None
        raise
    except RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        if "in its creation task" in lines[0]:
            raise TransferStoreError(f"a Ray worker cannot start: {lines[-1]}. Install the same packages on "
                                     "all machines of the cluster.") from None
        raise _Lost(lines[-1].split(" Some common causes")[0]) from None
