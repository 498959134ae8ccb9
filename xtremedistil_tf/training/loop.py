"""The training loop of one phase: epochs, best weights, early stopping, exact resume.

`stage.train_step` is the inner step; this is the outer controller. Everything that decides the result
(weights, optimizer slots, step, position in the epoch, best weights so far) is in one checkpoint. Where
several workers train, all do the same with the chief's measurements, and the chief writes the files.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import pathlib
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import NonFiniteLossError
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.training.batches import Shares
from xtremedistil_tf.training.distribution import Workers
from xtremedistil_tf.training.stage import TrainingSteps, quicken_gelu, seed_dropout_by_step

log = logging.getLogger(__name__)
_FACTS = "facts.json"


def save_state(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Writes named arrays and JSON facts as an uncompressed .npz."""
    encoded = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    everything: dict[str, Any] = {_FACTS: encoded, **arrays}
    with atomic_file(path) as part, open(part, "wb") as handle:
        np.savez(handle, **everything)


def load_state(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what `save_state` wrote.

    Raises:
        OSError, ValueError: the file is missing or damaged.
    """
    try:
        with np.load(pathlib.Path(path), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if name != _FACTS}
            facts = json.loads(archive[_FACTS].tobytes())
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(f"{path}: not a complete training state ({error})") from error
    return arrays, facts


class TrainingData(Protocol):
    """Batches of one epoch from any position on."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch."""

    def epoch(self, number: int, first_batch: int, shares: Shares | None = None) -> tf.data.Dataset:
        """The batches of an epoch, from `first_batch` on; the same for the same arguments.

        With `shares`, which are given only where there are several replicas: tuples of batches, one for each
        replica of this process, whose rows together are those of the batch over all processes.
        """


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """How one phase is trained.

    Attributes:
        name: shown in progress, logs and errors.
        epochs: most epochs.
        patience: epochs that bring nothing better than the phase's epochs before, after which the phase ends.
        monitor: key of the validation metrics that chooses the best weights; the lower `loss`, where there is
            one, decides between equal values.
        higher_is_better: direction of `monitor`.
        start_competes: whether the weights that the phase starts from are a candidate for the best ones, so
            that it never ends worse than it began. They do not count for `patience`: what has just been unfrozen
            is worse at first, at a high learning rate, and often better in the end.
        seed: seed of dropout in this phase.
        checkpoint_minutes: minutes between checkpoints inside the phase.
        steps_per_execution: steps between two looks of Python at the losses; the result does not depend on
            it.
    """

    name: str
    epochs: int
    patience: int
    monitor: str = "loss"
    higher_is_better: bool = False
    start_competes: bool = False
    seed: int = 0
    checkpoint_minutes: float = 5.0
    steps_per_execution: int = 1


@dataclasses.dataclass
class _Position:
    epoch: int = 0
    batch: int = 0
    best_epoch: int = -1
    rank: list[float] | None = None
    start_rank: list[float] | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class PhaseResult:
    """What a phase did.

    Attributes:
        history: a dict per epoch: `epoch`, training metrics, validation metrics as `val_*`,
            `learning_rate`, `seconds` since the phase began.
        best_epoch: the epoch (from 1) whose weights the model has now; 0: those it started with.
        best: its value of the monitored metric.
        seconds, cpu_seconds: wall and CPU time of training and validation, over all runs that contributed.
    """

    history: list[dict[str, Any]]
    best_epoch: int
    best: float
    seconds: float
    cpu_seconds: float


def train_phase(stage: Any, data: TrainingData, validate: Callable[[], Mapping[str, float]],
                settings: LoopSettings, checkpoint: pathlib.Path,
                on_epoch: Callable[[dict[str, Any]], None] = lambda record: None) -> PhaseResult:
    """Trains `stage.trainable_variables` and leaves the best weights in them.

    To train under a strategy, the stage is made and this is called in its scope.

    Args:
        stage: compiled tf_keras.Model with `train_step(batch) -> {"loss": ..., ...}`, float32 scalars; only
            its trainable variables move.
        data: training batches.
        validate: measures the current weights; with several workers the chief's values count.
        settings: see `LoopSettings`.
        checkpoint: file that holds the state between checkpoints; removed by the caller once the
            phase's result is safe.
        on_epoch: receives each epoch's record, at the chief.

    Raises:
        NonFiniteLossError: with phase, epoch, batch and checkpoint named.
        ConfigError: the workers do not have the same data or checkpoint.
        XtremeDistilError: a worker is gone.
    """
    return _Loop(stage, data, validate, settings, checkpoint, on_epoch).run()


class _Loop:
    def __init__(self, stage: Any, data: TrainingData, validate: Callable[[], Mapping[str, float]],
                 settings: LoopSettings, checkpoint: pathlib.Path, on_epoch: Callable[[dict[str, Any]], None]):
        self.stage, self.data, self.validate = stage, data, validate
        self.settings, self.checkpoint, self.on_epoch = settings, checkpoint, on_epoch
        self.workers = Workers()
        self.variables: Sequence[tf.Variable] = stage.trainable_variables
        optimizer = stage.optimizer
        optimizer.build(self.variables)
        self.slots: Sequence[tf.Variable] = _restorable(optimizer)
        self.position = _Position()
        self.best: list[np.ndarray] = []
        self.saved = time.monotonic()
        seed_dropout_by_step(stage, optimizer.iterations, settings.seed)
        quicken_gelu(stage)

    def run(self) -> PhaseResult:
        self._start()
        if self.settings.start_competes and self.position.start_rank is None:
            self._measure_start()
        steps = TrainingSteps(self.stage, self.workers)
        while not self._finished():
            self._train_epoch(steps)
            self._close_epoch()
        for variable, value in zip(self.variables, self.best):
            variable.assign(value)
        p = self.position
        trained = p.rank is not None and _improves(p.rank, p.start_rank)
        rank = p.rank if trained else p.start_rank
        return PhaseResult(p.history, p.best_epoch + 1 if trained else 0, self._sign * rank[0] if rank else math.nan,
                           p.seconds, p.cpu_seconds)

    def _start(self) -> None:
        """Makes weights and position those that all workers begin with."""
        restored, p = self._restore(), self.position
        self.workers.agree({"phase": self.settings.name, "batches": self.data.batches_per_epoch,
                            "epoch": p.epoch + 1, "batch": p.batch, "best epoch": p.best_epoch + 1})
        self.workers.copy_from_chief(self.stage.weights)
        if not restored:
            self.best = [v.numpy() for v in self.variables]

    def _finished(self) -> bool:
        p = self.position
        stale = p.epoch - 1 - p.best_epoch
        return p.epoch >= self.settings.epochs or stale >= self.settings.patience

    def _measure_start(self) -> None:
        self._start_clock()
        rank = self._rank(self._measured())
        if math.isfinite(rank[0]):
            self.position.start_rank = rank
        self._read_clock()

    def _measured(self) -> dict[str, float]:
        """The chief's: a rounding error must not make workers decide differently."""
        metrics = self.validate()
        values = self.workers.from_chief(np.array([float(v) for v in metrics.values()]))
        return dict(zip(metrics, map(float, values)))

    def _rank(self, metrics: Mapping[str, float]) -> list[float]:
        """What is larger for better weights."""
        # A score of few examples stays the same for epochs, at zero as a rule, while the loss falls.
        return [self._sign * metrics[self.settings.monitor], -metrics.get("loss", 0.0)]

    @property
    def _sign(self) -> int:
        return 1 if self.settings.higher_is_better else -1

    def _train_epoch(self, steps: TrainingSteps) -> None:
        p, total = self.position, self.data.batches_per_epoch
        label = f"{self.settings.name} {p.epoch + 1}/{self.settings.epochs}"
        self._start_clock()
        with progress_bar(total, label, "batch", initial=p.batch) as bar:
            batches = iter(self._batches())
            while p.batch < total:
                count = min(self.settings.steps_per_execution, total - p.batch)
                for metrics in steps(batches, count):
                    self._add(metrics)
                    p.batch += 1
                bar.update(count)
                if p.batch < total and self._checkpoint_is_due():
                    self._read_clock()
                    self._save()
        self._read_clock()

    def _batches(self) -> tf.data.Dataset:
        p, shares = self.position, self.workers.shares
        return self.data.epoch(p.epoch, p.batch, *([] if shares is None else [shares]))

    def _add(self, metrics: dict[str, float]) -> None:
        p = self.position
        for key, value in metrics.items():
            if not math.isfinite(value):
                last = self.checkpoint if self.checkpoint.exists() else "the previous phase"
                raise NonFiniteLossError(
                    f"{self.settings.name}: {key} is {value} in epoch {p.epoch + 1}, batch {p.batch + 1}. "
                    f"Last good state: {last}. Lower `learning_rate`, or use `opt_policy=float32`, and run "
                    "the same command again.")
            p.sums[key] = p.sums.get(key, 0.0) + value

    def _close_epoch(self) -> None:
        p, s = self.position, self.settings
        self._start_clock()
        metrics = self._measured()
        rank = self._rank(metrics)
        better = False
        if _improves(rank, p.rank):
            p.rank, p.best_epoch = rank, p.epoch
            better = _improves(rank, p.start_rank)
        if better:
            self.best = [v.numpy() for v in self.variables]
        self._read_clock()
        record = {"epoch": p.epoch + 1, **{k: v / max(1, p.batch) for k, v in p.sums.items()},
                  **{f"val_{k}": v for k, v in metrics.items()},
                  "learning_rate": _learning_rate(self.stage.optimizer), "seconds": round(p.seconds, 3)}
        p.history.append(record)
        p.epoch, p.batch, p.sums = p.epoch + 1, 0, {}
        shown = "  ".join(f"{k} {v:.4g}" for k, v in record.items() if isinstance(v, float) and k != "seconds")
        log.info("%s epoch %d/%d: %s%s", s.name, p.epoch, s.epochs, shown, "  *best" if better else "")
        if self.workers.chief:
            self.on_epoch(record)
        if not self._finished() and self._checkpoint_is_due():
            self._save()

    def _start_clock(self) -> None:
        self.clock = time.monotonic(), time.process_time()

    def _read_clock(self) -> None:
        before, self.clock = self.clock, (time.monotonic(), time.process_time())
        self.position.seconds += self.clock[0] - before[0]
        self.position.cpu_seconds += self.clock[1] - before[1]

    def _checkpoint_is_due(self) -> bool:
        return time.monotonic() - self.saved >= 60 * self.settings.checkpoint_minutes

    def _save(self) -> None:
        if not self.workers.chief:
            return
        arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(self.variables)}
        arrays |= {f"slot_{i}": v.numpy() for i, v in enumerate(self.slots)}
        arrays |= {f"best_{i}": v for i, v in enumerate(self.best)}
        save_state(self.checkpoint, arrays, dataclasses.asdict(self.position))
        self.saved = time.monotonic()

    def _restore(self) -> bool:
        """Whether there was a checkpoint to go on from."""
        if not self.checkpoint.exists():
            return False
        try:
            arrays, facts = load_state(self.checkpoint)
            position = _Position(**facts)
        except (OSError, ValueError, TypeError) as error:  # the last: facts of another version
            log.warning("%s: cannot read the checkpoint (%s); the phase starts from the beginning",
                            self.settings.name, error)
            return False
        for i, variable in enumerate(self.variables):
            variable.assign(arrays[f"variable_{i}"])
        for i, variable in enumerate(self.slots):
            variable.assign(arrays[f"slot_{i}"])
        self.best = [arrays[f"best_{i}"] for i in range(len(self.variables))]
        self.position = position
        log.info("%s: resumed at epoch %d, batch %d", self.settings.name,
                     self.position.epoch + 1, self.position.batch)
        return True


def _improves(rank: list[float], best: list[float] | None) -> bool:
    return best is None or math.isnan(best[0]) or rank > best


def _restorable(optimizer: Any) -> list[tf.Variable]:
    variables = optimizer.variables
    variables = variables() if callable(variables) else variables
    learning_rate = getattr(optimizer, "_learning_rate", None)
    return [v for v in variables if v is not learning_rate]


def _learning_rate(optimizer: Any) -> float:
    rate = optimizer.learning_rate
    return float(tf.convert_to_tensor(rate(optimizer.iterations) if callable(rate) else rate))
