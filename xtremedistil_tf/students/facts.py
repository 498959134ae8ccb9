"""What `xtremedistil-config.json` must hold: a model directory may be anybody's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.tasks.registry import KINDS

#: No size of a model is larger, nor has a task more labels.
_LARGEST, _MOST_LABELS = 1 << 24, 1 << 20
#: Sizes that are a size of one of the arrays, whatever kind of student it is.
_OF_ARRAYS = ("vocab_size", "embedding_size", "lstm_units", "hidden_size", "intermediate_size", "num_outputs")
_NAMES = {dict: "an object", str: "a text", list: "a list", int: "a whole number", type(None): "null",
          bool: "a boolean", float: "a number"}


def check_facts(path: str | os.PathLike[str], facts: Any) -> None:
    """Checks the types of what is read of a directory of this package, and that it is of this world.

    Args:
        path: of the file, for messages.
        facts: its contents.

    Raises:
        ModelLoadError: the first thing that is not as this package writes it.
    """
    reader = _Reader(path)
    facts = reader.typed(facts, "the file", dict)
    student = reader.typed(reader.entry(facts, "student"), "student", dict)
    reader.typed(reader.entry(facts, "student_type"), "student_type", str)
    reader.typed(reader.entry(facts, "config"), "config", dict)
    reader.sizes(student, "student")
    task = reader.typed(reader.entry(facts, "task"), "task", dict)
    kind = reader.typed(reader.entry(task, "kind", "task"), "task.kind", str)
    if kind not in KINDS:
        raise reader.wrong("task.kind", quoted(kind), f"one of {', '.join(KINDS)}")
    labels = reader.typed(reader.entry(task, "labels", "task"), "task.labels", list)
    reader.labels(labels)
    reader.typed(reader.entry(task, "options", "task"), "task.options", dict)
    longest = facts.get("max_length")
    if longest is not None and not 0 < reader.typed(longest, "max_length", int) <= _LARGEST:
        raise reader.wrong("max_length", quoted(longest), f"1 to {_LARGEST}")


def check_original(path: str | os.PathLike[str], facts: Mapping[str, Any]) -> None:
    """The same for a directory of XtremeDistilTransformers."""
    reader = _Reader(path)
    reader.labels(reader.typed(facts["label_list"], "label_list", list), distinct=False)
    for name in ("pt_teacher_checkpoint", "pt_student_checkpoint"):
        if facts.get(name):  # False: there is none
            reader.typed(facts[name], name, str)
    reader.sizes({name: value for name, value in facts.items() if isinstance(value, int | float)}, "the file")


def check_sizes(path: str | os.PathLike[str], student: Mapping[str, Any], sizes: set[int]) -> None:
    """Refuses sizes of a student that no array of its weights has: building it might take all memory.

    Raises:
        ModelLoadError: there is one.
    """
    encoder = student.get("encoder")
    for where, part in (("student", student), ("student.encoder", encoder if isinstance(encoder, dict) else {})):
        for name in _OF_ARRAYS:
            size = part.get(name)
            if size and size not in sizes:
                raise ModelLoadError(f"{path}: {where}.{name} is {size}, but the weights have no array of that size. "
                                     "The files do not belong together; copy the whole directory again.")


class _Reader:
    def __init__(self, path: str | os.PathLike[str]):
        self._path = path

    def wrong(self, where: str, found: str, expected: str) -> ModelLoadError:
        return ModelLoadError(f"{self._path}: {where} is {found}, expected {expected}. Copy the directory again from "
                              "where it was made, or distil again.")

    def entry(self, values: Mapping[str, Any], name: str, where: str = "") -> Any:
        if name not in values:
            raise self.wrong(f"{where}.{name}".lstrip("."), "missing", "an entry of this name")
        return values[name]

    def typed(self, value: Any, where: str, kind: type) -> Any:
        if type(value) is not kind:
            raise self.wrong(where, _NAMES.get(type(value), type(value).__name__), _NAMES[kind])
        return value

    def labels(self, labels: Sequence[Any], distinct: bool = True) -> None:
        for label in labels:
            self.typed(label, "a label", str)
        if not 0 < len(labels) <= _MOST_LABELS:
            raise self.wrong("the list of labels", f"of {len(labels)}", f"1 to {_MOST_LABELS} labels")
        if distinct and len(set(labels)) < len(labels):
            twice = next(label for at, label in enumerate(labels) if label in labels[:at])
            raise self.wrong("the list of labels", f"one with {quoted(twice)} twice", "each label once")

    def sizes(self, values: Any, where: str) -> None:
        """Every number in a part of the file."""
        inside = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
        for name, value in inside:
            place = f"{where}.{name}"
            if isinstance(value, dict | list):
                self.sizes(value, place)
            elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
                raise self.wrong(place, quoted(value), f"at most {_LARGEST}")
