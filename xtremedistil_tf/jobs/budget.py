"""`budget_minutes`: how much text and how many epochs fit into the time that a run may take."""

from __future__ import annotations

import dataclasses
import logging
import math
import pathlib
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.recipes import MAX_EPOCHS, MIN_EPOCHS, with_recipe
from xtremedistil_tf.distillation.schedule import LABELS
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.jobs.choice import student_kind
from xtremedistil_tf.jobs.dry_run import Step, measure_steps
from xtremedistil_tf.progress import in_minutes

log = logging.getLogger(__name__)

BUDGET_FILE = "budget.json"
#: Share of the time that is planned; the rest is for evaluation and export, and for a machine that is slower at times.
PLANNED = 0.85
#: Largest shares for fine-tuning the teacher and for phases on labels.
TEACHER_SHARE, LABELS_SHARE = 0.35, 0.15
_PLANNED_NAMES = ("teacher_epochs", "max_transfer", "distil_epochs", "ft_epochs")


def within_budget(config: DistillationConfig) -> DistillationConfig:
    """The configuration with numbers of epochs and of transfer sentences that fit into `budget_minutes`.

    They are measured once and kept in the model directory: the same command takes the same numbers again, so that an
    interrupted run goes on and a repeated one gives the same student. A dry run keeps nothing.

    Args:
        config: validated, with `budget_minutes`.

    Raises:
        ConfigError: the time does not even suffice for the least that can be done.
    """
    config = with_recipe(config, student_kind(config))
    file, identity = pathlib.Path(config.model_dir) / BUDGET_FILE, fingerprint(config.to_json() | {"dry_run": False})
    known = read_json(file) if file.exists() else {}
    if known.get("identity") != identity:
        known = {"identity": identity, **plan(config, measure_steps(config).steps)}
        if not config.dry_run:
            write_json(file, known)
    numbers = {name: known[name] for name in _PLANNED_NAMES}
    log.info("`budget_minutes=%g`: %s", config.budget_minutes, ", ".join(f"{k} {v}" for k, v in numbers.items()))
    return dataclasses.replace(config, **numbers)


def plan(config: DistillationConfig, steps: Sequence[Step]) -> dict[str, int]:
    """Numbers of epochs and of transfer sentences, 0 where they do not matter.

    The teacher gets what it needs, up to a share; a phase on labels likewise. What is left goes to the transfer set:
    as much text as can be seen in `MIN_EPOCHS` epochs, the teacher's pass over it included, and as many epochs as then
    fit. Distinct text is worth more than repetition.

    Args:
        config: with its recipe's values.
        steps: of the whole run, measured.

    Raises:
        ConfigError: the time is too short.
    """
    seconds = PLANNED * 60 * config.budget_minutes
    teacher = [step for step in steps if step.name == "teacher"]
    store = [step for step in steps if step.name == "teacher over transfer set"]
    labels = [step for step in steps if step.stage == LABELS]
    phases = [step for step in steps if step.stage not in ("", LABELS)]
    left = seconds - sum(step.start for step in steps)
    teacher_epochs = _fitting(teacher, TEACHER_SHARE * seconds)
    left -= sum(teacher_epochs * _epoch(step) for step in teacher)
    ft_epochs = _fitting(labels, LABELS_SHARE * seconds)
    left -= sum(ft_epochs * _epoch(step) for step in labels)
    if not phases:
        least = sum(step.start + _epoch(step) for step in steps)
        return _checked(config, left, least, dict.fromkeys(_PLANNED_NAMES, 0) | {
            "teacher_epochs": teacher_epochs, "ft_epochs": ft_epochs, "distil_epochs": config.distil_epochs,
            "max_transfer": config.max_transfer})
    sentences = store[0].examples if store else phases[0].examples
    once = sum(step.seconds / step.examples for step in store)
    epoch = sum(_epoch(step) / step.examples for step in phases)
    kept = min(sentences, math.floor(left / (once + MIN_EPOCHS * epoch))) if store else sentences
    batch = config.student_distil_batch_size
    least = sum(step.start for step in steps) + batch * (once + epoch) + sum(map(_epoch, [*teacher, *labels]))
    epochs = math.floor((left - kept * once) / (max(1, kept) * epoch))
    limit = min(MAX_EPOCHS, config.distil_epochs or MAX_EPOCHS)
    return _checked(config, min(left, kept - batch if store else left, epochs - 1), least, {
        "teacher_epochs": teacher_epochs, "ft_epochs": ft_epochs, "distil_epochs": max(1, min(limit, epochs)),
        "max_transfer": kept if kept < sentences else config.max_transfer})


def _epoch(step: Step) -> float:
    """Seconds of one epoch."""
    return step.each * step.steps / max(1, step.epochs)


def _fitting(steps: Sequence[Step], seconds: float) -> int:
    """Epochs of steps that fit, at least one; 0 where there is no step."""
    if not steps:
        return 0
    return max(1, min(steps[0].epochs, math.floor(seconds / max(1e-9, sum(map(_epoch, steps))))))


def _checked(config: DistillationConfig, room: float, least: float, numbers: dict[str, Any]) -> dict[str, Any]:
    if room < 0:
        raise ConfigError(f"`budget_minutes={config.budget_minutes:g}`: expected at least "
                          f"{in_minutes(math.ceil(least / PLANNED / 60) + 1)} for one epoch of every phase on this "
                          "machine. Give more time, a smaller student, or a faster `teacher_path`.")
    return numbers
