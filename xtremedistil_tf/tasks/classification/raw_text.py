"""Classification of raw text: what is answered, and how a server's answers are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.tasks.raw_text import FLOAT, TEXT, TEXT_FORMS, Asked, Output, Outputs, RawText, asked_text, utf8

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.classification.task import ClassificationTask, ClassPrediction


@dataclasses.dataclass(frozen=True)
class Label:
    """The answer of a classifier.

    Attributes:
        label: the most probable class.
        score: its probability.
        probabilities: of all classes, in the order of the task's labels.
    """

    label: str
    score: float
    probabilities: Mapping[str, float] = dataclasses.field(repr=False)


def _answer(task: ClassificationTask, one: Asked, prediction: ClassPrediction) -> Label:
    by_name = dict(zip(task.labels, prediction.probabilities.tolist()))
    return Label(prediction.label, by_name[prediction.label], by_name)


def _read(outputs: Outputs) -> list[Label]:
    rows = zip(outputs["labels"].tolist(), outputs["scores"].tolist(), outputs["label_names"].tolist(),
               outputs["probabilities"].tolist())
    return [Label(label, score, dict(zip(names, probabilities))) for label, score, names, probabilities in rows]


def _arrays(task: ClassificationTask, answers: Sequence[Label]) -> dict[str, np.ndarray]:
    probabilities = np.array([list(one.probabilities.values()) for one in answers], np.float32)
    probabilities = probabilities.reshape(len(answers), len(task.labels))
    return {"labels": utf8(one.label for one in answers), "scores": probabilities.max(-1),
            "probabilities": probabilities,
            "label_names": np.broadcast_to(utf8(task.labels), probabilities.shape)}


def _prediction(answer: Label) -> Any:
    from xtremedistil_tf.tasks.classification.task import ClassPrediction

    return ClassPrediction(answer.label, np.array(list(answer.probabilities.values()), np.float32))


_OUTPUTS = {"labels": Output(TEXT), "scores": Output(FLOAT), "probabilities": Output(FLOAT, 2),
            "label_names": Output(TEXT, 2)}
RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), _OUTPUTS, asked_text, TEXT_FORMS, _answer, _arrays, _read,
                   frozenset(_OUTPUTS), frozenset(["labels"]), "classify", _prediction)
