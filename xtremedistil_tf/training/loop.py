"""The training loop of one phase: epochs, best weights, early stopping, exact resume.

`stage.train_step` is the inner step; this is the outer controller. Everything that decides the result
(weights, optimizer slots, step, position in the epoch, best weights so far) is in one checkpoint.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import pathlib
import time
from typing import Any, Callable, Mapping, Protocol, Sequence

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import NonFiniteLossError
from xtremedistil_tf.progress import progress_bar
from xtremedistil_tf.training.dropout import seed_dropout_by_step
from xtremedistil_tf.training.state import load_state, save_state

log = logging.getLogger(__name__)


class TrainingData(Protocol):
    """Batches of one epoch from any position on."""

    batches_per_epoch: int

    def epoch(self, number: int, first_batch: int) -> tf.data.Dataset:
        """The batches of an epoch, from `first_batch` on; the same for the same arguments."""


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """How one phase is trained.

    Attributes:
        name: shown in progress, logs and errors.
        epochs: most epochs.
        patience: epochs without a better `monitor` after which the phase ends.
        monitor: key of the validation metrics that chooses the best weights.
        higher_is_better: direction of `monitor`.
        start_competes: whether the weights that the phase starts from are a candidate for the best ones, so
            that it never ends worse than it began.
        seed: seed of dropout in this phase.
        checkpoint_minutes: minutes between checkpoints inside the phase.
    """

    name: str
    epochs: int
    patience: int
    monitor: str = "loss"
    higher_is_better: bool = False
    start_competes: bool = False
    seed: int = 0
    checkpoint_minutes: float = 5.0


@dataclasses.dataclass
class _Position:
    epoch: int = 0
    batch: int = 0
    best_epoch: int = -1
    best: float = math.nan
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


def train_phase(stage, data: TrainingData, validate: Callable[[], Mapping[str, float]],
                settings: LoopSettings, checkpoint: pathlib.Path,
                on_epoch: Callable[[dict[str, Any]], None] = lambda record: None) -> PhaseResult:
    """Trains `stage.trainable_variables` and leaves the best weights in them.

    Args:
        stage: compiled tf_keras.Model with `train_step(batch) -> {"loss": ..., ...}`; only its trainable
            variables move.
        data: training batches.
        validate: measures the current weights.
        settings: see `LoopSettings`.
        checkpoint: file that holds the state between checkpoints; removed by the caller once the
            phase's result is safe.
        on_epoch: receives each epoch's record.

    Raises:
        NonFiniteLossError: with phase, epoch, batch and checkpoint named.
    """
    return _Loop(stage, data, validate, settings, checkpoint, on_epoch).run()


class _Loop:
    def __init__(self, stage, data, validate, settings, checkpoint, on_epoch):
        self.stage, self.data, self.validate = stage, data, validate
        self.settings, self.checkpoint, self.on_epoch = settings, checkpoint, on_epoch
        self.variables: Sequence[tf.Variable] = stage.trainable_variables
        optimizer = stage.optimizer
        optimizer.build(self.variables)
        self.slots: Sequence[tf.Variable] = _restorable(optimizer)
        self.position = _Position()
        self.best: list[np.ndarray] = [v.numpy() for v in self.variables]
        self.saved = time.monotonic()
        seed_dropout_by_step(stage, optimizer.iterations, settings.seed)

    def run(self) -> PhaseResult:
        self._restore()
        if self.settings.start_competes and math.isnan(self.position.best):
            self._measure_start()
        step = tf.function(self.stage.train_step, reduce_retracing=True)
        while not self._finished():
            self._train_epoch(step)
            self._close_epoch()
        for variable, value in zip(self.variables, self.best):
            variable.assign(value)
        p = self.position
        return PhaseResult(p.history, p.best_epoch + 1, p.best, p.seconds, p.cpu_seconds)

    def _finished(self) -> bool:
        p = self.position
        stale = p.epoch - 1 - p.best_epoch
        return p.epoch >= self.settings.epochs or stale >= self.settings.patience

    def _measure_start(self) -> None:
        self._start_clock()
        value = float(self.validate()[self.settings.monitor])
        if math.isfinite(value):
            self.position.best = value
        self._read_clock()

    def _train_epoch(self, step) -> None:
        p, total = self.position, self.data.batches_per_epoch
        label = f"{self.settings.name} {p.epoch + 1}/{self.settings.epochs}"
        self._start_clock()
        with progress_bar(total, label, "batch", initial=p.batch) as bar:
            for batch in self.data.epoch(p.epoch, p.batch):
                self._add({k: float(v) for k, v in step(batch).items()})
                p.batch += 1
                bar.update()
                if p.batch < total and self._checkpoint_is_due():
                    self._read_clock()
                    self._save()
        self._read_clock()

    def _add(self, metrics: dict[str, float]) -> None:
        p = self.position
        for key, value in metrics.items():
            if not math.isfinite(value):
                last = self.checkpoint if self.checkpoint.exists() else "the previous phase"
                raise NonFiniteLossError(
                    f"{self.settings.name}: {key} is {value} in epoch {p.epoch + 1}, batch {p.batch + 1}. "
                    f"Last good state: {last}. Lower --learning_rate, or use --opt_policy=float32, and run "
                    "the same command again.")
            p.sums[key] = p.sums.get(key, 0.0) + value

    def _close_epoch(self) -> None:
        p, s = self.position, self.settings
        self._start_clock()
        metrics = self.validate()
        value = float(metrics[s.monitor])
        better = math.isnan(p.best) or (value > p.best if s.higher_is_better else value < p.best)
        if better:
            p.best, p.best_epoch = value, p.epoch
            self.best = [v.numpy() for v in self.variables]
        self._read_clock()
        record = {"epoch": p.epoch + 1, **{k: v / max(1, p.batch) for k, v in p.sums.items()},
                  **{f"val_{k}": float(v) for k, v in metrics.items()},
                  "learning_rate": _learning_rate(self.stage.optimizer), "seconds": round(p.seconds, 3)}
        p.history.append(record)
        p.epoch, p.batch, p.sums = p.epoch + 1, 0, {}
        shown = "  ".join(f"{k} {v:.4g}" for k, v in record.items() if isinstance(v, float) and k != "seconds")
        log.info("%s epoch %d/%d: %s%s", s.name, p.epoch, s.epochs, shown, "  *best" if better else "")
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
        arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(self.variables)}
        arrays |= {f"slot_{i}": v.numpy() for i, v in enumerate(self.slots)}
        arrays |= {f"best_{i}": v for i, v in enumerate(self.best)}
        save_state(self.checkpoint, arrays, dataclasses.asdict(self.position))
        self.saved = time.monotonic()

    def _restore(self) -> None:
        if not self.checkpoint.exists():
            return
        try:
            arrays, facts = load_state(self.checkpoint)
        except (OSError, ValueError) as error:
            log.warning("%s: checkpoint cannot be read, the phase starts again (%s)",
                            self.settings.name, error)
            return
        for i, variable in enumerate(self.variables):
            variable.assign(arrays[f"variable_{i}"])
        for i, variable in enumerate(self.slots):
            variable.assign(arrays[f"slot_{i}"])
        self.best = [arrays[f"best_{i}"] for i in range(len(self.variables))]
        self.position = _Position(**facts)
        log.info("%s: resumed at epoch %d, batch %d", self.settings.name,
                     self.position.epoch + 1, self.position.batch)


def _restorable(optimizer) -> list[tf.Variable]:
    variables = optimizer.variables
    variables = variables() if callable(variables) else variables
    learning_rate = getattr(optimizer, "_learning_rate", None)
    return [v for v in variables if v is not learning_rate]


def _learning_rate(optimizer) -> float:
    rate = optimizer.learning_rate
    return float(rate(optimizer.iterations) if callable(rate) else rate)
