"""Texts and their numbers in files and in data sets of the hub, and as raw text: what is asked, answered and shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.published import HubRows, column_of
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.raw_text import FLOAT, TEXT_FORMS, Asked, Output, Outputs, RawText, asked_text
from xtremedistil_tf.tasks.text_task import LABEL_COLUMNS, text_kind, text_rows

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.regression.task import RegressionTask


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language, reading: read_classified(
        path, pairs, None, language, True, reading=reading),
                     lambda files: ["score"], lambda splits: ["score"])


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`."""
    label = column_of(data, LABEL_COLUMNS, name)
    if names := getattr(data.features[label], "names", None):
        raise DataError(f"hf:{name}: column {label} holds the classes {', '.join(names[:12])}, expected numbers. For "
                        "classes use `task_kind=classification`.")
    return text_rows(data, label, pairs, name, _score, lambda splits: ["score"])


def _score(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


SHOW = r"""
function show(answer) {
  return [make("div", "card", make("p", "number", decimals(answer)))];
}
"""


@dataclasses.dataclass(frozen=True)
class Number:
    """The answer of a regression.

    Attributes:
        value: the number.
    """

    value: float

    def __float__(self) -> float:
        return self.value


def _answer(task: RegressionTask, one: Asked, prediction: float) -> Number:
    return Number(float(prediction))


def _read(outputs: Outputs) -> list[Number]:
    return [Number(value) for value in outputs["scores"].tolist()]


def _arrays(task: RegressionTask, answers: Sequence[Number]) -> dict[str, np.ndarray]:
    return {"scores": np.array([one.value for one in answers], np.float32)}


RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), {"scores": Output(FLOAT)}, asked_text, TEXT_FORMS,
                   _answer, _arrays, _read, frozenset(["scores"]), frozenset(["scores"]), "score", float,
                   answer_class=Number)
