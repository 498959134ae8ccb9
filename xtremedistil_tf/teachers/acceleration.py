"""Choosing a faster way to run a teacher, converting it, and comparing its answers with the exact ones first."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from xtremedistil_tf.config.choices import TEACHER_PATHS
from xtremedistil_tf.errors import ConfigError, XtremeDistilError, reason_of
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import (
    AveragedTeacher,
    Forward,
    LoadedTeacher,
    Relations,
    TeacherOutputs,
    TeacherPredictor,
    TeacherSignals,
)
from xtremedistil_tf.training.batches import FeatureSource

if TYPE_CHECKING:
    from xtremedistil_tf.teachers.model import Teacher

log = logging.getLogger(__name__)
#: A teacher of TensorFlow, and what is wanted of it -> a function as `LoadedTeacher.forward` gives it.
Convert = Callable[[LoadedTeacher, TeacherSignals], Forward]
EXACT = TEACHER_PATHS[0]
#: Examples of the transfer set that the guard looks at.
SAMPLE = 128
# Few, so that a converter that believes in the shape it has seen is met by others.
_GUARD_BATCH = 24


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


class AcceleratedTeacher:
    """A teacher whose `forward` is another path's; all else is the teacher's own.

    Args:
        teacher: of TensorFlow.
        path: name of the path, for messages.
        convert: makes the path's function; called once for each set of signals.
    """

    def __init__(self, teacher: Teacher, path: str, convert: Convert):
        self._teacher, self._path, self._convert = teacher, path, convert
        self._converted: dict[TeacherSignals, Forward] = {}
        self.task, self.num_layers, self.width = teacher.task, teacher.num_layers, teacher.width

    @property
    def parameters(self) -> int:
        return self._teacher.parameters

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings]."""
        return self._teacher.word_embeddings()

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """See `LoadedTeacher`, but for the precision.

        Raises:
            ConfigError: also where the teacher cannot be converted or, later, not be run.
            MissingExtraError: a package is not installed.
        """
        signals = TeacherSignals(tuple(layers), tuple(attentions), relations)
        if signals not in self._converted:
            with self._explained("converted"):
                self._converted[signals] = self._convert(self._teacher, signals)
        run = self._converted[signals]

        def forward(batch):
            with self._explained("run"):
                return run(batch)

        return forward

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Turns whatever converters and runtimes raise, which have no common base, into one message."""
        try:
            yield
        except XtremeDistilError:
            raise
        except Exception as error:
            kind = self._teacher.classifier.config.model_type
            raise ConfigError(f"`teacher_path={self._path}`: this teacher, of type {kind}, cannot be {verb} "
                              f"({reason_of(error)}). Use `teacher_path=exact`.") from error


def accelerated(teacher: LoadedTeacher, path: str, tolerance: float, sample: FeatureSource, pad_id: int,
                batch_size: int, signals: TeacherSignals) -> LoadedTeacher:
    """The teacher by way of an accelerated path, once that has answered a sample as the exact one does.

    Args:
        teacher: one of TensorFlow, or several of them as an `AveragedTeacher`.
        path: one of `TEACHER_PATHS`; with exact the teacher itself is returned.
        tolerance: see `guard.Deviation.check`.
        sample: features of some examples of the transfer set, spread over the whole; `SAMPLE` are enough.
        pad_id: id of the padding piece.
        batch_size: most examples in a batch.
        signals: what will be asked of the teacher; with these it is compared.

    Raises:
        ConfigError: the teacher is not one of TensorFlow, cannot be converted, or answers otherwise.
        MissingExtraError: a package is not installed.
    """
    if path == EXACT:
        return teacher
    fast = _by_way_of(teacher, path, _convert_named(path))
    seq_len, batch_size = int(sample.lengths.max(initial=1)), min(batch_size, _GUARD_BATCH)
    exact, found = (TeacherPredictor(one, signals.hidden, pad_id, batch_size, signals.attentions, seq_len,
                                     signals.relations).predict(sample) for one in (teacher, fast))
    deviation = compare(teacher.task, zip(exact, found))
    deviation.check(path, tolerance)
    log.info("`teacher_path=%s` compared with the exact teacher: %s", path, deviation)
    return fast


def _by_way_of(teacher: LoadedTeacher, path: str, convert: Convert) -> LoadedTeacher:
    from xtremedistil_tf.teachers.model import Teacher

    if isinstance(teacher, AveragedTeacher):
        return AveragedTeacher([_by_way_of(member, path, convert) for member in teacher.members])
    if not isinstance(teacher, Teacher):
        raise ConfigError(f"`teacher_path={path}` needs `teacher_backend=tf`. Use `teacher_path=exact`, or "
                          "that backend.")
    return AcceleratedTeacher(teacher, path, convert)


def _convert_named(path: str) -> Convert:
    """Imports the path that is asked for, and no other."""
    if path == "bfloat16":
        from xtremedistil_tf.teachers.accelerated_paths import bfloat16_forward
        return bfloat16_forward
    if path == "openvino":
        from xtremedistil_tf.teachers.accelerated_paths import openvino_forward
        return openvino_forward
    if path == "onnx_int8":
        from xtremedistil_tf.teachers.accelerated_paths import onnx_int8_forward
        return onnx_int8_forward
    raise ConfigError(f"`teacher_path={path}`: expected one of {', '.join(TEACHER_PATHS)}.")
