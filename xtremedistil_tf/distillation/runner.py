"""Executing the phases of a strategy, each kept on disk under a fingerprint of all that decides it."""

from __future__ import annotations

import dataclasses
import json
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.atomic import remove_leftovers
from xtremedistil_tf.distillation import schedule
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import (
    JointBatches,
    JointStage,
    JointWeights,
    LabelStage,
    LogitStage,
    RepresentationStage,
    Split,
    joint_validation_batches,
    validation_batches,
)
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.batches import BatchPlan
from xtremedistil_tf.training.distribution import Workers
from xtremedistil_tf.training.loop import LoopSettings, PhaseResult, TrainingData, load_state, save_state, train_phase
from xtremedistil_tf.training.optimizers import RowAdam, cosine_schedule
from xtremedistil_tf.training.pipeline import ShuffledBatches
from xtremedistil_tf.training.stage import Stage

log = logging.getLogger(__name__)

_VALIDATION_BATCH = 256


@dataclasses.dataclass(frozen=True)
class PhaseSettings:
    """What, beside the data, decides the outcome of a phase; part of its fingerprint."""

    phase: str
    stage: str
    unfrozen: tuple[str, ...]
    epochs: int
    batch_size: int
    labelled_batch_size: int
    patience: int
    learning_rate: float
    final_learning_rate: float
    signal: RepresentationSignal
    weights: tuple[float, float, float]
    policy: str
    seed: int
    select_by: str = "loss"
    warmup: float = 0.0
    clip_norm: float = 0.0
    embedding_rate: float = 1.0
    logit_loss: str = "mse"

    def to_json(self) -> dict[str, Any]:
        """What decides the outcome; later settings only where they change it, so that earlier phases are found."""
        values = dataclasses.asdict(self)
        neutral = {field.name: field.default for field in dataclasses.fields(self)}
        return {key: value for key, value in values.items()
                if key not in ("warmup", "clip_norm", "embedding_rate", "logit_loss") or value != neutral[key]}


@dataclasses.dataclass(frozen=True)
class DistillationData:
    """Sources of the phases; `transfer` may be None for strategies that need no teacher.

    Attributes:
        labelled: labelled training sentences (`train`) and the dev set (`valid`).
        transfer: transfer set with teacher outputs.
        transfer_text: the same without hidden states, for stages that do not read them.
        pad_id: id of the padding piece.
    """

    labelled: Split
    transfer: Split | None
    transfer_text: Split | None
    pad_id: int


@dataclasses.dataclass(frozen=True)
class PhaseRecord:
    """A finished phase, as the report shows it; `scores` are those of its best weights on the dev set."""

    name: str
    stage: str
    unfrozen: tuple[str, ...]
    history: list[dict[str, Any]]
    best_epoch: int
    seconds: float
    cpu_seconds: float
    scores: dict[str, float]
    reused: bool


class Runner:
    """Trains a student through phases.

    To train under a strategy, the student is built and all this is done in its scope; with several workers
    the folder is on a file system that they share, and the chief alone writes to it.

    Args:
        student: built student; its weights are the starting point.
        task: what it learns.
        data: what to train on.
        settings_of: phase -> its settings.
        folder: where phases are kept, as `<phase>-<fingerprint>/`.
        start: fingerprint of the starting weights and of the data.
        checkpoint_minutes: minutes between checkpoints inside a phase.
        on_epoch: receives (phase name, epoch record), at the chief.
        score: measures the student on the dev set, {main score: value}: after each phase for the record, and after
            each epoch of those whose settings have `select_by` "score".
        steps_per_execution: see `LoopSettings`.
    """

    def __init__(self, student: Any, task: Task, data: DistillationData,
                 settings_of: Callable[[schedule.Phase], PhaseSettings], folder: pathlib.Path, start: str,
                 checkpoint_minutes: float,
                 on_epoch: Callable[[str, Mapping[str, Any]], None] = lambda phase, record: None,
                 score: Callable[[], dict[str, float]] = dict, steps_per_execution: int = 1):
        self._student, self._task, self._data, self._settings_of = student, task, data, settings_of
        self._folder, self._fingerprint = folder, start
        self._checkpoint_minutes, self._steps_per_execution = checkpoint_minutes, steps_per_execution
        self._on_epoch, self._score = on_epoch, score
        self._workers = Workers()
        self._measures: dict[Any, Callable[[], dict[str, float]]] = {}

    @property
    def fingerprint(self) -> str:
        """Of the student's weights after the phases run so far."""
        return self._fingerprint

    def run(self, phases: list[schedule.Phase]) -> list[PhaseRecord]:
        """Runs the phases in order; those already on disk are loaded, an interrupted one goes on."""
        return [self._run_phase(phase) for phase in phases]

    def _run_phase(self, phase: schedule.Phase) -> PhaseRecord:
        settings = self._settings_of(phase)
        values = settings.to_json()
        if settings.select_by == "score":
            values |= self._task.scored_by
        self._fingerprint = fingerprint([self._fingerprint, values])
        folder = self._folder / f"{phase.name}-{self._fingerprint[:8]}"
        self._student.unfreeze(phase.unfrozen)
        stage = self._stage(phase, settings)
        result_file = folder / "result.npz"
        if result_file.exists():
            record = self._load(result_file, stage, phase)
            if record:
                return record
        self._explain_change(phase, values)
        if self._workers.chief:
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
        result = self._train(phase, settings, stage, folder / "progress.npz")
        record = PhaseRecord(phase.name, phase.stage, phase.unfrozen, result.history, result.best_epoch,
                             result.seconds, result.cpu_seconds, self._score(), reused=False)
        if self._workers.chief:
            arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(stage.trainable_variables)}
            save_state(result_file, arrays, {"settings": values, "record": dataclasses.asdict(record),
                                             "scored_by": self._task.scored_by})
            (folder / "progress.npz").unlink(missing_ok=True)
        best = f"best epoch {record.best_epoch}" if record.best_epoch else "no epoch improved on the starting weights"
        log.info("phase %s: %s, %.0f s, dev %s", phase.name, best, record.seconds,
                     ", ".join(f"{k} {v:.4f}" for k, v in record.scores.items()))
        return record

    def _load(self, file: pathlib.Path, stage: Stage, phase: schedule.Phase) -> PhaseRecord | None:
        try:
            arrays, facts = load_state(file)
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read (%s); the phase is trained again", file, error)
            return None
        for i, variable in enumerate(stage.trainable_variables):
            variable.assign(arrays[f"variable_{i}"])
        log.info("phase %s: already trained; loaded its weights", phase.name)
        record = facts["record"] | {"reused": True, "unfrozen": tuple(facts["record"]["unfrozen"])}
        if facts.get("scored_by", {}) != self._task.scored_by:  # the same weights, measured otherwise
            record["scores"] = self._score()
        return PhaseRecord(**record)

    def _explain_change(self, phase: schedule.Phase, values: Mapping[str, Any]) -> None:
        """Says which setting made an earlier result of this phase useless."""
        for folder in sorted(self._folder.glob(f"{phase.name}-*")):
            if folder.name.endswith(self._fingerprint[:8]) or not (folder / "result.npz").exists():
                continue
            try:
                before = load_state(folder / "result.npz")[1]["settings"]
            except (OSError, ValueError):
                continue
            now = json.loads(json.dumps(values))  # tuples are lists there
            changed = [f"{key} {before.get(key)} -> {now.get(key)}" for key in (now | before)
                       if before.get(key) != now.get(key)]
            why = ", ".join(changed) or "an earlier phase, the teacher or the data changed"
            log.warning("phase %s was trained with other settings (%s) and is trained again; the earlier "
                            "result is kept in %s", phase.name, why, folder)

    def _stage(self, phase: schedule.Phase, settings: PhaseSettings) -> Stage:
        signal = settings.signal
        if phase.stage == schedule.REPRESENTATION:
            return RepresentationStage(self._student, self._task, signal)
        if phase.stage == schedule.LOGITS:
            return LogitStage(self._student, self._task, settings.logit_loss)
        if phase.stage == schedule.LABELS:
            return LabelStage(self._student, self._task)
        label, representation, logit = settings.weights
        weights = JointWeights(label, representation if phase.with_representation else 0.0, logit)
        return JointStage(self._student, self._task, weights, signal, settings.logit_loss)

    def _train(self, phase: schedule.Phase, settings: PhaseSettings, stage: Stage,
               checkpoint: pathlib.Path) -> PhaseResult:
        data, validation = self._batches(phase, settings)
        steps = data.batches_per_epoch * settings.epochs
        rate = cosine_schedule(settings.learning_rate, steps, settings.final_learning_rate, settings.warmup)
        optimizer = RowAdam(rate, clip_norm=settings.clip_norm or None)
        optimizer.slow_down(self._student.word_embeddings, settings.embedding_rate)
        stage.compile(optimizer=optimizer)
        by_score = settings.select_by == "score"
        measure = self._held_out_loss(phase, settings, validation)
        if by_score:
            measure = _both(measure, self._score)
        loop = LoopSettings(phase.name, settings.epochs, settings.patience,
                            self._task.main_score if by_score else "loss", higher_is_better=by_score,
                            start_competes=True, seed=settings.seed, checkpoint_minutes=self._checkpoint_minutes,
                            steps_per_execution=self._steps_per_execution)
        return train_phase(stage, data, measure, loop, checkpoint,
                           lambda record: self._on_epoch(phase.name, record))

    def _held_out_loss(self, phase: schedule.Phase, settings: PhaseSettings,
                       validation: tf.data.Dataset) -> Callable[[], dict[str, float]]:
        """Traced once for all phases with the same losses, by a stage that holds no optimizer."""
        key = phase.stage, phase.with_representation, settings.signal, settings.weights, settings.logit_loss
        if key not in self._measures:
            self._measures[key] = held_out_loss(self._stage(phase, settings), validation)
        return self._measures[key]

    def _batches(self, phase: schedule.Phase, settings: PhaseSettings) -> tuple[TrainingData, tf.data.Dataset]:
        pad_id = self._data.pad_id
        if phase.data == schedule.LABELLED:
            split = self._data.labelled
            return (_shuffled(split, settings.labelled_batch_size, settings.seed, pad_id),
                    validation_batches(split, _VALIDATION_BATCH, pad_id))
        split = self._data.transfer if needs_hidden_states([phase]) else self._data.transfer_text
        transfer = _shuffled(split, settings.batch_size, settings.seed, pad_id)
        if phase.data == schedule.TRANSFER:
            return transfer, validation_batches(split, _VALIDATION_BATCH, pad_id)
        labelled = _shuffled(self._data.labelled, settings.labelled_batch_size, settings.seed, pad_id)
        return (JointBatches(transfer, labelled),
                joint_validation_batches(split, self._data.labelled, _VALIDATION_BATCH, pad_id))


def _shuffled(split: Split, batch_size: int, seed: int, pad_id: int) -> ShuffledBatches:
    return ShuffledBatches(split.source, BatchPlan(split.source.lengths, split.train, batch_size, seed), pad_id)


def _both(*measures: Callable[[], dict[str, float]]) -> Callable[[], dict[str, float]]:
    return lambda: {name: value for measure in measures for name, value in measure().items()}


def held_out_loss(stage: Stage, batches: tf.data.Dataset) -> Callable[[], dict[str, float]]:
    """A function that measures the stage's losses over validation batches, each token counting once."""

    @tf.function(input_signature=[batches.element_spec])
    def step(batch: Mapping[str, Any]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        return stage.test_step(batch), stage.weight_of(batch)

    def measure() -> dict[str, float]:
        sums: dict[str, float] = {}
        weights = 0.0
        for batch in batches:
            losses, weight = step(batch)
            weights += float(weight)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value) * float(weight)
        return {name: value / weights if weights else np.nan for name, value in sums.items()}

    return measure


def needs_hidden_states(phases: list[schedule.Phase]) -> bool:
    """Whether any phase reads the store's hidden states."""
    return any(p.stage == schedule.REPRESENTATION or p.with_representation for p in phases)


def needs_teacher(phases: list[schedule.Phase]) -> bool:
    """Whether any phase reads the transfer store."""
    return any(p.data != schedule.LABELLED for p in phases)
