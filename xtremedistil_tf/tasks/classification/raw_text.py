"""Classification of raw text: what a model answers with, and how its answers are read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from xtremedistil_tf.tasks.raw_text import FLOAT, TEXT, Output, Outputs, RawText, utf8
from xtremedistil_tf.tasks.text_task import text_examples


@dataclasses.dataclass(frozen=True, eq=False)
class Classification:
    """Attributes:
        label: the most probable class.
        score: its probability.
        probabilities: float32 [classes], in the order of the task's labels.
    """

    label: str
    score: float
    probabilities: np.ndarray


def _read(outputs: Outputs) -> list[Classification]:
    return [Classification(label, score, probabilities) for label, score, probabilities in
            zip(outputs["labels"].tolist(), outputs["scores"].tolist(), outputs["probabilities"])]


def _answer(saved: Any, predictor: Any, texts: list[str], pairs: list[str] | None = None) -> dict[str, np.ndarray]:
    found = predictor.predict(text_examples(texts, pairs))
    probabilities = np.array([one.probabilities for one in found], np.float32)
    probabilities = probabilities.reshape(len(found), len(saved.task.labels))
    return {"labels": utf8(one.label for one in found), "scores": probabilities.max(-1),
            "probabilities": probabilities,
            "label_names": np.broadcast_to(utf8(saved.task.labels), probabilities.shape)}


RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), {
    "labels": Output(TEXT), "scores": Output(FLOAT), "probabilities": Output(FLOAT, 2),
    "label_names": Output(TEXT, 2)}, _read, _answer, frozenset(["labels", "scores", "probabilities"]),
    frozenset(["labels"]), "classify")
