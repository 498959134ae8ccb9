"""The kinds of students by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.students.cnn import CNNStudent
from xtremedistil_tf.students.transformer import TransformerStudent

KINDS = {student.kind: student for student in (BiLSTMStudent, CNNStudent, TransformerStudent)}


def new_student(shape: Any) -> Any:
    """A built student under the current precision policy, with fresh weights from the global seed.

    Args:
        shape: the `Shape` of one of the kinds.
    """
    student = next(kind for kind in KINDS.values() if isinstance(shape, kind.Shape))(shape)
    student.build_variables()
    return student


def deployed(student: Any) -> Any:
    """A student with the same answers, without what only distillation needs, under the current policy."""
    copy = new_student(student.deployed_shape)
    student.copy_deployed(copy)
    return copy


def shape_from_json(kind: str, values: Mapping[str, Any]) -> Any:
    """The shape of a saved student; TypeError for unknown values.

    Raises:
        ModelLoadError: there is no such kind.
    """
    if kind not in KINDS:
        raise ModelLoadError(f"The student's kind is {kind!r}, expected one of {', '.join(KINDS)}. Upgrade "
                             "xtremedistil-tf, or distil again.")
    return KINDS[kind].Shape(**values)
