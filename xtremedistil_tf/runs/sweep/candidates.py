"""The students that a sweep tries, which of them may be shipped, and which stay in the race."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.config.distillation import DistillationConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.config.sweep import SWEPT, SweepConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.fingerprint import fingerprint

#: Cost -> the flag that bounds it, and its unit.
COSTS = {"ms": ("max_latency_ms", "ms"), "megabytes": ("max_megabytes", "MB")}
_LETTERS = {flag: letter for lists in SWEPT.values() for flag, letter in lists.values()}
# Flags that name what a run reads. A folder of `teacher_model_dir` is also written: its config.json counts.
_INPUTS = ("task", "transfer_file", "transfer_store", "pt_teacher_checkpoint", "pt_student_checkpoint",
           "augment_checkpoint", "augment_gazetteer", "augment_corpus", "augment_encoder", "augment_file")


@dataclasses.dataclass(frozen=True)
class Budget:
    """Bounds on costs; 0 for none.

    Attributes:
        limits: cost -> bound, for the bounded ones.
    """

    limits: Mapping[str, float]

    @classmethod
    def of(cls, config: SweepConfig) -> Budget:
        """The budget of a sweep."""
        limits = {cost: getattr(config, flag) for cost, (flag, _) in COSTS.items()}
        return cls({cost: limit for cost, limit in limits.items() if limit})

    def counted(self, form: Mapping[str, float]) -> list[float]:
        """The costs that the front is about: the bounded ones; without a budget all."""
        return [form[cost] for cost in self.limits or COSTS]

    def excess(self, form: Mapping[str, float]) -> list[str]:
        """What is over the budget, such as "12.1 MB is over `max_megabytes=10`"; empty where nothing is."""
        return [f"{form[cost]:.3g} {COSTS[cost][1]} is over `{COSTS[cost][0]}={limit:g}`"
                for cost, limit in self.limits.items() if form[cost] > limit]

    def refuse_all(self, forms: Sequence[tuple[str, Mapping[str, float]]]) -> ConfigError:
        """The error for a budget that nobody meets, which names who comes nearest.

        Args:
            forms: (title, costs) of every form.
        """
        title, nearest = min(forms, key=lambda form: max(form[1][cost] / limit
                                                         for cost, limit in self.limits.items()))
        limits = " and ".join(f"`{COSTS[cost][0]}={limit:g}`" for cost, limit in self.limits.items())
        return ConfigError(f"no student meets {limits}. The nearest is {title}: "
                           f"{', '.join(self.excess(nearest))}. Try smaller students, another `sweep_quantize`, or "
                           "raise the budget.")


def shown_costs(form: Mapping[str, Any]) -> str:
    """`1.2 ms, 3.4 MB`."""
    return ", ".join(f"{form[cost]:.3g} {unit}" for cost, (_, unit) in COSTS.items())


def on_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Of each point whether no other is at least as good everywhere and better somewhere.

    Args:
        points: figures of which less is better, equally many for each point.
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other)) and any(a < b for a, b in zip(one, other))


def kept_count(count: int, keep: float) -> int:
    """How many of so many students go on, the front aside: at least one."""
    return max(1, math.ceil(round(keep * count, 6)))


def share_of(rounds_after: int, keep: float) -> float:
    """Share of the epochs in a round that so many others follow; 1 in the last one."""
    return keep ** rounds_after


def planned(count: int, rounds: int, keep: float) -> list[float]:
    """The runs that are still to come, each as its share of the epochs, if no more than must go on do.

    Args:
        count: students at the beginning of these rounds.
        rounds: how many are left. A student that is alone goes straight to the last one.
        keep: share of the students that goes on.
    """
    runs: list[float] = []
    for after in range(rounds - 1, -1, -1):
        if count > 1 or after == 0:
            runs += [share_of(after, keep)] * count
        count = kept_count(count, keep)
    return runs


def survivors(scores: Mapping[str, float], costs: Mapping[str, Sequence[Sequence[float]]],
              keep: float) -> list[str]:
    """The students that go on: those on the front of score and cost, then the best of the others.

    Args:
        scores: student -> score, higher being better.
        costs: student -> the costs of each of its forms, less being better; one form on the front is enough.
        keep: share of the students that goes on at least.

    Returns:
        Names in the order of `scores`.
    """
    owners = [name for name in scores for _ in costs[name]]
    points = [(-scores[name], *form) for name in scores for form in costs[name]]
    front = {name for name, is_on in zip(owners, on_front(points)) if is_on}
    others = sorted((name for name in scores if name not in front), key=lambda name: -scores[name])
    front.update(others[:max(0, kept_count(len(scores), keep) - len(front))])
    return [name for name in scores if name in front]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A student of the sweep.

    Attributes:
        name: in names of files, such as e50-h200.
        title: for people, such as E=50 H=200.
        config: of its run in full.
    """

    name: str
    title: str
    config: DistillationConfig

    def shortened(self, share: float, model_dir: pathlib.Path) -> DistillationConfig:
        """The same with a share of the epochs, without what only a final run needs."""
        c = self.config
        distil, labels, frozen = (max(1, round(share * epochs)) if epochs else 0
                                  for epochs in (c.distil_epochs, c.ft_epochs, c.frozen_epochs))
        return dataclasses.replace(c, distil_epochs=distil, ft_epochs=labels, frozen_epochs=frozen,
                                   direct_baseline=False, model_dir=str(model_dir))


def candidates(config: SweepConfig) -> list[Candidate]:
    """Every combination of the listed sizes, the first list varying slowest."""
    shared, swept = config.shared(), config.swept()
    found = []
    for values in itertools.product(*swept.values()):
        sizes = dict(zip(swept, values))
        name = "-".join(f"{_LETTERS[flag].lower()}{value}" for flag, value in sizes.items())
        title = " ".join(f"{_LETTERS[flag]}={value}" for flag, value in sizes.items())
        changes: dict[str, Any] = {**sizes, "model_dir": f"{shared.model_dir}/{name}"}
        found.append(Candidate(name, title, dataclasses.replace(shared, **changes)))
    return found


def weights(quantization: str) -> str:
    """What the weights of a file are in, for people."""
    return "float32" if quantization == "none" else quantization


def titled(title: str, quantization: str) -> str:
    """A student in one of its files, for people: such as E=50 in int8."""
    return f"{title} in {weights(quantization)}"


def inputs_fingerprint(config: SweepConfig) -> str:
    """Fingerprint of names, sizes and times of the files that the runs read: changed ones are noticed."""
    names = [name for flag in _INPUTS for name in listed(getattr(config, flag))]
    names += [f"{name}/config.json" for name in listed(config.teacher_model_dir)]
    own = pathlib.Path(config.folder).resolve()  # may be below the task's folder
    return fingerprint([[os.fspath(file), file.stat().st_size, file.stat().st_mtime_ns]
                        for name in names for file in _files(pathlib.Path(name))
                        if own not in file.resolve().parents])


def _files(path: pathlib.Path) -> Iterator[pathlib.Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())


class Kept:
    """Reads and writes the results of finished steps. What was made of other settings or files is not read.

    Args:
        config: of the sweep.
    """

    def __init__(self, config: SweepConfig):
        self._config = config
        self.folder = pathlib.Path(config.folder)

    def read(self, file: pathlib.Path, settings: Any) -> dict[str, Any] | None:
        """What was written with these settings; None if nothing was.

        Args:
            file: of the result.
            settings: all that decides it, JSON-able.
        """
        if not file.exists():
            return None
        try:
            found: dict[str, Any] = read_json(file)
        except ValueError:
            return None
        return found if found.get("identity") == self._identity(settings) else None

    def write(self, file: pathlib.Path, settings: Any, found: dict[str, Any]) -> None:
        """Keeps a result."""
        write_json(file, found | {"identity": self._identity(settings)})

    def costs(self, candidate: Candidate) -> dict[str, Any] | None:
        """What the untrained student costs, see `Untrained.measure`; None if that is not known."""
        return self.read(self._costs_file(candidate), self.measured(candidate))

    def keep_costs(self, candidate: Candidate, found: dict[str, Any]) -> None:
        """Keeps what `costs` reads."""
        self.write(self._costs_file(candidate), self.measured(candidate), found)

    def measured(self, candidate: Candidate) -> list[Any]:
        """What decides the costs of a student, and more."""
        return [candidate.config.to_json(), self._config.sweep_format, self._config.quantizations()]

    def _costs_file(self, candidate: Candidate) -> pathlib.Path:
        return self.folder / "costs" / f"{candidate.name}.json"

    def _identity(self, settings: Any) -> str:
        return fingerprint([settings, self._inputs])

    @functools.cached_property
    def _inputs(self) -> str:
        return inputs_fingerprint(self._config)
