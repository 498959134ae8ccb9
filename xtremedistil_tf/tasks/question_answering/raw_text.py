"""Questions about raw text: what a model answers with, and how its answers are read."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import QuestionExample
from xtremedistil_tf.tasks.raw_text import FLOAT, INT, TEXT, Output, Outputs, RawText, utf8

#: In the order of `Answer`.
_OUTPUTS = {"answers": Output(TEXT), "starts": Output(INT), "ends": Output(INT), "scores": Output(FLOAT),
            "no_answer_scores": Output(FLOAT)}


@dataclasses.dataclass(frozen=True)
class Answer:
    """Attributes:
        text: the answer as it stands in the context, empty for "no answer".
        start, end: offsets of its first character and of the one after its last; 0 for "no answer".
        score, no_answer_score: of the best answer and of "no answer", see `AnswerPrediction`.
    """

    text: str
    start: int
    end: int
    score: float
    no_answer_score: float


def _read(outputs: Outputs) -> list[Answer]:
    return [Answer(*values) for values in zip(*(outputs[name].tolist() for name in _OUTPUTS))]


def _answer(saved: Any, predictor: Any, questions: list[str], contexts: list[str]) -> dict[str, np.ndarray]:
    found = predictor.predict([QuestionExample("", *both) for both in zip(questions, contexts)])
    return {"answers": utf8(one.text for one in found),
            "starts": np.array([one.start for one in found], np.int32),
            "ends": np.array([one.end for one in found], np.int32),
            "scores": np.array([one.score for one in found], np.float32),
            "no_answer_scores": np.array([one.no_answer_score for one in found], np.float32)}


RAW_TEXT = RawText(("questions", "contexts"), frozenset(), _OUTPUTS, _read, _answer, frozenset(_OUTPUTS),
                   frozenset(["answers"]), "answer")
