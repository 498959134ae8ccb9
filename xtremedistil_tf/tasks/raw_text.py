"""Raw text in, answers out: what every exported and served form of a kind of task agrees on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: Outputs of a signature by name, each [batch, ...].
Outputs = Mapping[str, np.ndarray]
TEXT, FLOAT, INT = "string", "float32", "int32"


class Output(NamedTuple):
    """Attributes:
        dtype: TensorFlow's name of the type.
        rank: number of axes, the batch's included.
    """

    dtype: str
    rank: int = 1


@dataclasses.dataclass(frozen=True)
class RawText:
    """The signature `raw_strings` of a kind of task, see `export_saved_model`.

    Attributes:
        inputs: names of its inputs, each string [batch], in the order in which one reads them.
        optional: inputs that only tasks on pairs of texts have.
        outputs: the outputs by name.
        read: outputs of a server -> one answer per text, as values of Python.
        answer: (saved student, its predictor, lists of texts by name of the input) -> the outputs as arrays, strings
            as UTF-8 bytes: what the Keras student answers where there is no SavedModel for raw strings.
        needed: those outputs that `read` reads.
        telling: those by which a model is known that only its signature is known of.
        method: of `ServingClient`, that asks such a model.
        prediction: what the task's own `decode` would give, from an answer of `read`.
    """

    inputs: tuple[str, ...]
    optional: frozenset[str]
    outputs: Mapping[str, Output]
    read: Callable[[Outputs], list[Any]]
    answer: Callable[..., dict[str, np.ndarray]]
    needed: frozenset[str]
    telling: frozenset[str]
    method: str = "ask"
    prediction: Callable[[Any], Any] = lambda answer: answer


def utf8(texts: Iterable[str]) -> np.ndarray:
    """object [texts], of bytes."""
    return np.array([text.encode() for text in texts], object)


def padded(rows: Iterable[Any], fill: Any, dtype: npt.DTypeLike = object) -> np.ndarray:
    """Rows of unequal length as one array [rows, longest]."""
    rows = list(rows)
    table = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table
