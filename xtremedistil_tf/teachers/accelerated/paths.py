"""Choosing an accelerated path, converting the teacher to it, and comparing its answers first."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from xtremedistil_tf.batching.ragged import FeatureSource
from xtremedistil_tf.config.distillation import TEACHER_PATHS
from xtremedistil_tf.errors import ConfigError, XtremeDistilError, reason_of
from xtremedistil_tf.teachers.accelerated.guard import compare
from xtremedistil_tf.teachers.averaged import AveragedTeacher
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, Relations, TeacherSignals

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
        from xtremedistil_tf.teachers.accelerated.bfloat16 import bfloat16_forward
        return bfloat16_forward
    if path == "openvino":
        from xtremedistil_tf.teachers.accelerated.openvino import openvino_forward
        return openvino_forward
    if path == "onnx_int8":
        from xtremedistil_tf.teachers.accelerated.onnx_int8 import onnx_int8_forward
        return onnx_int8_forward
    raise ConfigError(f"`teacher_path={path}`: expected one of {', '.join(TEACHER_PATHS)}.")
