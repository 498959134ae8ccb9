"""Labels of raw text: what a model answers with, and how its answers are read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from xtremedistil_tf.tasks.raw_text import FLOAT, INT, TEXT, Output, Outputs, RawText, padded, utf8
from xtremedistil_tf.tasks.text_task import text_examples


@dataclasses.dataclass(frozen=True, eq=False)
class LabelsPrediction:
    """Attributes:
        labels: those whose probability reaches their threshold, in the order of the task's labels; may be none.
        scores: their probabilities.
        probabilities: float32 [labels], of all labels of the task.
    """

    labels: tuple[str, ...]
    scores: tuple[float, ...]
    probabilities: np.ndarray


def _read(outputs: Outputs) -> list[LabelsPrediction]:
    return [LabelsPrediction(tuple(labels[:count].tolist()), tuple(scores[:count].tolist()), probabilities)
            for labels, scores, count, probabilities in zip(
                outputs["labels"], outputs["scores"], outputs["label_counts"], outputs["probabilities"])]


def _answer(saved: Any, predictor: Any, texts: list[str], pairs: list[str] | None = None) -> dict[str, np.ndarray]:
    found = predictor.predict(text_examples(texts, pairs))
    names = utf8(saved.task.labels)
    probabilities = np.array([one.probabilities for one in found], np.float32).reshape(len(found), len(names))
    return {"labels": padded((utf8(one.labels) for one in found), b""),
            "scores": padded((one.scores for one in found), -1, np.float32),
            "label_counts": np.array([len(one.labels) for one in found], np.int32),
            "probabilities": probabilities, "label_names": np.broadcast_to(names, probabilities.shape)}


RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), {
    "labels": Output(TEXT, 2), "scores": Output(FLOAT, 2), "label_counts": Output(INT),
    "probabilities": Output(FLOAT, 2), "label_names": Output(TEXT, 2)}, _read, _answer,
    frozenset(["labels", "scores", "label_counts", "probabilities"]), frozenset(["labels", "label_counts"]))
