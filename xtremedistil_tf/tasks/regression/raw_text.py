"""A number for raw text: what is answered, and how a server's answers are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from xtremedistil_tf.tasks.raw_text import FLOAT, TEXT_FORMS, Asked, Output, Outputs, RawText, asked_text

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.regression.task import RegressionTask


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
                   _answer, _arrays, _read, frozenset(["scores"]), frozenset(["scores"]), "score", float)
