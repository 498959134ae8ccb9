"""A student as a Keras model that its shape alone decides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import tf_keras


class ShapedStudent(tf_keras.Model):
    """Base of all students.

    Attributes:
        shape: what it was made from, a `Shape`.
    """

    Shape: ClassVar[type]

    def __init__(self, shape: Any, name: str):
        super().__init__(name=name)
        self.shape = shape

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same student of, with fresh weights; JSON-able."""
        return {"shape": dataclasses.asdict(self.shape)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A built student of this shape, with fresh weights."""
        student = cls(cls.Shape(**config["shape"]))
        student.build_variables()
        return student

    def build_variables(self) -> None:
        """Makes the variables by one call on a small batch."""
        raise NotImplementedError
