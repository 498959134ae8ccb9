"""A number for raw text: what a model answers with, and how its answers are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from xtremedistil_tf.tasks.raw_text import FLOAT, Output, Outputs, RawText
from xtremedistil_tf.tasks.text_task import text_examples


def _read(outputs: Outputs) -> list[float]:
    scores: list[float] = outputs["scores"].tolist()
    return scores


def _answer(saved: Any, predictor: Any, texts: list[str], pairs: list[str] | None = None) -> dict[str, np.ndarray]:
    return {"scores": np.array(predictor.predict(text_examples(texts, pairs)), np.float32)}


RAW_TEXT = RawText(("texts", "pairs"), frozenset(["pairs"]), {"scores": Output(FLOAT)}, _read, _answer,
                   frozenset(["scores"]), frozenset(["scores"]), "score")
