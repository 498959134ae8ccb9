"""How the machines of a cluster are divided among workers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from xtremedistil_tf.errors import ConfigError


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
