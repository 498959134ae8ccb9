"""Questions about raw text: what may be asked, what is answered, and how a server's answers are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import QuestionExample
from xtremedistil_tf.tasks.raw_text import FLOAT, INT, TEXT, Asked, Output, Outputs, RawText, utf8

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.question_answering.task import QuestionAnsweringTask

#: In the order of `AnswerSpan`.
_OUTPUTS = {"answers": Output(TEXT), "starts": Output(INT), "ends": Output(INT), "scores": Output(FLOAT),
            "no_answer_scores": Output(FLOAT)}


@dataclasses.dataclass(frozen=True)
class AnswerSpan:
    """The answer to a question.

    Attributes:
        text: as it stands in the context, empty for "no answer".
        start, end: offsets of its first character and of the one after its last; 0 for "no answer".
        score: start logit + end logit of the best answer, also where "no answer" was preferred.
        no_answer_score: start logit + end logit of "no answer", in the window where they are lowest.
    """

    text: str
    start: int
    end: int
    score: float
    no_answer_score: float


def _asked(given: Any) -> Asked | None:
    if isinstance(given, QuestionExample):
        return Asked(given)
    if isinstance(given, Mapping):
        given = (given.get("question"), given.get("context"))
    if isinstance(given, str) or not (isinstance(given, Sequence) and len(given) == 2
                                      and all(isinstance(part, str) for part in given)):
        return None
    return Asked(QuestionExample("", *given))


def _answer(task: QuestionAnsweringTask, one: Asked, prediction: AnswerSpan) -> AnswerSpan:
    return prediction


def _read(outputs: Outputs) -> list[AnswerSpan]:
    return [AnswerSpan(*values) for values in zip(*(outputs[name].tolist() for name in _OUTPUTS))]


def _arrays(task: QuestionAnsweringTask, answers: Sequence[AnswerSpan]) -> dict[str, np.ndarray]:
    columns = {name: [getattr(one, field.name) for one in answers]
               for name, field in zip(_OUTPUTS, dataclasses.fields(AnswerSpan))}
    return {name: utf8(values) if _OUTPUTS[name].dtype == TEXT else np.array(values, _OUTPUTS[name].dtype)
            for name, values in columns.items()}


RAW_TEXT = RawText(("questions", "contexts"), frozenset(), _OUTPUTS, _asked,
                   "a tuple (question, context), or a mapping with question and context", _answer, _arrays, _read,
                   frozenset(_OUTPUTS), frozenset(["answers"]), "answer")
