"""Whatever answers texts in Python as one kind of function: functions, scikit-learn, spaCy, pipelines, Keras models."""

from __future__ import annotations

import dataclasses
import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.kinds import plain
from xtremedistil_tf.errors import ConfigError

#: Texts, or pairs of texts -> an answer for each, a record as `corpus.answered` reads it but for the text.
Answering = Callable[[Sequence[Any]], list[dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class PartialTeacher:
    """One of several teachers that are Python objects.

    Attributes:
        teacher: see `answering`; or the name of a fine-tuned checkpoint, see `EncoderTeacher`.
        knows: labels that it can give, such as `["PER"]`; None: all.
        weight: what its answers count for.
    """

    teacher: Any
    knows: Sequence[str] | None = None
    weight: float = 1.0

    @property
    def settings(self) -> str:
        """As they stand behind the name of a file of answers."""
        parts = [f"knows={'+'.join(self.knows)}"] if self.knows is not None else []
        parts += [f"weight={self.weight:g}"] if self.weight != 1 else []
        return "?" + "&".join(parts) if parts else ""


def teachers_to_ask(teacher: Any) -> list[PartialTeacher]:
    """The teachers that are asked text by text; none where all are names of checkpoints, which are then fine-tuned."""
    given = list(teacher) if isinstance(teacher, list | tuple) else [teacher]
    if not any(isinstance(one, PartialTeacher) or is_answering(one) for one in given):
        return []
    return [one if isinstance(one, PartialTeacher) else PartialTeacher(one) for one in given]


def is_answering(teacher: Any) -> bool:
    """Whether something is a teacher that can be asked: no name of a checkpoint."""
    return callable(teacher) or hasattr(teacher, "predict_proba") or hasattr(teacher, "predict")


def function_named(name: str, setting: str) -> Callable[..., Any]:
    """A function that a setting names, as module:function.

    Raises:
        ConfigError: there is none.
    """
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise ConfigError(f"`{setting}={name}`: no function name. Expected module:function, such as "
                          "my_package.my_module:my_function.")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except AttributeError as error:
        raise ConfigError(f"`{setting}={name}`: the module {module} has no {attribute}; expected a "
                          "function.") from error
    except Exception as error:  # an import runs a stranger's code
        raise ConfigError(f"`{setting}={name}`: the module {module} cannot be imported ({type(error).__name__}: "
                          f"{error}). Install it, or add its folder to PYTHONPATH.") from error
    if not callable(found):
        raise ConfigError(f"`{setting}={name}` is {quoted(found)}. Expected a function.")
    return found


def name_of(teacher: Any) -> str:
    """What the teacher is called in files and messages."""
    if isinstance(teacher, str | os.PathLike):
        return os.fspath(teacher)
    named = teacher if hasattr(teacher, "__qualname__") else type(teacher)
    return f"{named.__module__}.{named.__qualname__}"


def answering(teacher: Any, labels: Sequence[str] | None = None) -> Answering:
    """A function that asks a teacher.

    Args:
        teacher: a function of a list of texts that returns an answer for each: a record with `entities`, `label`,
            `scores` or what else docs/any_teacher.md lists, a list of entities, a name of a class, a number, or {class:
            probability}; or something with `predict_proba` and `classes_`; a spaCy pipeline; a pipeline of
            transformers; a Keras model that is given texts and gives probabilities.
        labels: names of the outputs of a teacher that gives rows of probabilities and does not name them.

    Raises:
        ConfigError: outputs have no names.
    """
    if hasattr(teacher, "predict_proba"):
        names = labels or getattr(teacher, "classes_", None)
        return _of_rows(lambda texts: teacher.predict_proba(list(texts)), names, teacher)
    if hasattr(teacher, "pipe") and hasattr(teacher, "vocab"):
        return lambda texts: [doc.to_json() for doc in teacher.pipe(texts)]
    if hasattr(teacher, "predict") and hasattr(teacher, "layers"):
        return _of_rows(lambda texts: teacher.predict(np.array(list(texts), object), verbose=0), labels, teacher)
    return lambda texts: [_record(one, labels, teacher) for one in teacher(list(texts))]


def _of_rows(predict: Callable[[Sequence[Any]], Any], names: Any, teacher: Any) -> Answering:
    if names is None:
        raise ConfigError(f"`teacher={name_of(teacher)}` gives probabilities without names. Give `labels`, the names "
                          "of its outputs in their order.")

    def answer(texts: Sequence[Any]) -> list[dict[str, Any]]:
        return [_named(row, names, teacher) for row in np.asarray(predict(texts))]

    return answer


def _named(row: Any, names: Sequence[Any], teacher: Any) -> dict[str, Any]:
    row = np.atleast_1d(np.asarray(row, float))
    if len(row) == 1 and len(names) == 2:
        row = np.array([1 - row[0], row[0]])
    if row.ndim != 1 or len(row) != len(names):
        raise ConfigError(f"`teacher={name_of(teacher)}` gives an answer of the shape {list(row.shape)} for a text, "
                          f"but there are {len(names)} labels.")
    return {"scores": {str(name): float(value) for name, value in zip(names, row)}}


def _record(answer: Any, labels: Sequence[str] | None, teacher: Any) -> dict[str, Any]:
    """An answer of a function as a record."""
    if hasattr(answer, "to_json") and hasattr(answer, "ents"):
        found: dict[str, Any] = answer.to_json()
        return found
    if isinstance(answer, np.ndarray) and answer.ndim == 1 and labels is not None:
        return _named(answer, labels, teacher)
    if hasattr(answer, "tolist"):
        answer = answer.tolist()
    if isinstance(answer, Mapping):
        numbers = answer and all(isinstance(value, int | float) and not isinstance(value, bool)
                                 for value in answer.values())
        return {"scores": dict(answer)} if numbers and not {"score", "start"} & set(answer) else dict(answer)
    if isinstance(answer, str):
        return {"label": answer}
    if isinstance(answer, int | float) and not isinstance(answer, bool):
        return {"score": answer}
    if isinstance(answer, list | tuple):
        items = [dict(one) if isinstance(one, Mapping) else one for one in answer]
        spans = all(isinstance(one, list | tuple) or (isinstance(one, Mapping) and {"start", "entity"} & set(one))
                    for one in items)
        return {"entities" if spans else "labels": items}
    raise ConfigError(f"`teacher={name_of(teacher)}` answers with a {type(answer).__name__}. Expected a record, a list "
                      "of entities, the name of a class, a number, or {class: probability}.")


def jsonable(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without NumPy's numbers and arrays."""
    return {key: _jsonable(value) for key, value in record.items()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return value if isinstance(value, str | int | float | None) else plain(value)
