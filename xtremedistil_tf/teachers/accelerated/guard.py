"""How far an inexact way of running a teacher is from the exact one, and whether that is too far."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherOutputs


@dataclasses.dataclass(frozen=True)
class Deviation:
    """What a path's answers are beside the exact ones.

    Probabilities differ by half the sum of the absolute differences (total variation): the most by which the
    probability of any set of labels differs, 0 to 1.

    Attributes:
        examples: examples that were compared.
        changed: share of answers whose likeliest label (of a question: piece) is another one; None for
            regression.
        mean, most: difference of the answers: of their probabilities; for regression, of the numbers, as a
            share of their standard deviation.
        cosine: mean cosine similarity of the hidden states, after subtraction of the mean state, which most
            of their length is; of the layer with the lowest. None where none are wanted.
        attention: mean difference of the rows of attention maps and relations, which are probabilities; None
            where none are wanted.
    """

    examples: int
    changed: float | None
    mean: float
    most: float
    cosine: float | None = None
    attention: float | None = None

    def check(self, path: str, tolerance: float) -> None:
        """Raises ConfigError if any of `changed`, `mean`, 1 - `cosine` and `attention` is above the tolerance
        or not a number."""
        found = (self.changed, self.mean, None if self.cosine is None else 1 - self.cosine, self.attention)
        figures = [value for value in found if value is not None]
        if all(value <= tolerance for value in figures):  # false for NaN
            return
        worst = max(figures)
        remedy = "Use `teacher_path=exact` or another path."
        if np.isfinite(figures).all() and worst < 0.5:
            remedy = (f"Use `teacher_path=exact` or another path, or accept it with "
                      f"`teacher_tolerance={np.ceil(worst * 1e3) / 1e3:g}`.")
        raise ConfigError(f"`teacher_path={path}` deviates too much from the exact teacher: {self}. "
                          "Changed answers, mean difference and distance of hidden states (1 - cosine) and of "
                          f"attention may be at most `teacher_tolerance={tolerance:g}`. {remedy}")

    def __str__(self) -> str:
        parts = [f"{self.examples} examples"]
        if self.changed is None:
            parts.append(f"numbers differ by {self.mean:.2g} of their deviation on average, {self.most:.2g} "
                         "at most")
        else:
            parts += [f"{self.changed:.2%} of the answers changed",
                      f"probabilities differ by {self.mean:.2g} on average, {self.most:.2g} at most"]
        if self.cosine is not None:
            parts.append(f"cosine of the hidden states {self.cosine:.5f}")
        if self.attention is not None:
            parts.append(f"attention differs by {self.attention:.2g} on average")
        return ", ".join(parts)


def compare(task: Task, pairs: Iterable[tuple[TeacherOutputs, TeacherOutputs]]) -> Deviation:
    """Compares answers.

    Args:
        task: what is answered.
        pairs: exact and other outputs of the same examples, at least one.
    """
    logits, hidden, attention = [], [], []
    for exact, other in pairs:
        logits.append((exact.logits, other.logits))
        if exact.hidden is not None:
            hidden.append((exact.hidden, other.hidden))
        for name in ("attentions", "relations"):
            rows, found = getattr(exact, name), getattr(other, name)
            if rows is not None:
                attention.append(_variation(rows, found).ravel())
    numbers = task.choices(logits[0][0]) is None
    answers = _of_numbers(logits) if numbers else _of_probabilities(task, logits)
    return Deviation(len(logits), *answers, _cosine(*map(np.concatenate, zip(*hidden))) if hidden else None,
                     float(np.concatenate(attention).mean()) if attention else None)


def _of_numbers(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[None, float, float]:
    exact, other = map(np.stack, zip(*pairs))
    difference = np.abs(exact - other) / max(float(exact.std()), np.finfo(np.float32).tiny)
    return None, float(difference.mean()), float(difference.max())


def _of_probabilities(task: Task, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    changes, differences = [], []
    for pair in pairs:
        exact, other = (task.choices(logits) for logits in pair)
        changes.append(exact.argmax(-1) != other.argmax(-1))
        differences.append(_variation(exact, other))
    changed, difference = np.concatenate(changes), np.concatenate(differences)
    return float(changed.mean()), float(difference.mean()), float(difference.max())


def _variation(exact: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(exact - other).sum(-1) / 2


def _cosine(exact: np.ndarray, other: np.ndarray) -> float:
    """Of states [pieces, layers, width]."""
    middle = exact.mean(0)
    exact, other = exact - middle, other - middle
    lengths = np.linalg.norm(exact, axis=-1) * np.linalg.norm(other, axis=-1)
    cosines = (exact * other).sum(-1) / np.maximum(lengths, np.finfo(np.float32).tiny)
    return float(cosines.mean(0).min())
