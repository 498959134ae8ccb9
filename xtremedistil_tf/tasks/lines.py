"""One line of plain text in, one line of answer out, for each kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.question_answering import AnswerPrediction


class LineFormat(NamedTuple):
    """How a kind of task reads and writes lines.

    Attributes:
        parse: (line, its number, its source) -> example, None for a line that holds nothing.
        show: (example, prediction) -> line.
        expected: what a line holds, for help texts.
        answer: what is written, for help texts.
    """

    parse: Callable[[str, int, str], AnyExample | None]
    show: Callable[[Any, Any], str]
    expected: str
    answer: str


def _tagged(example: Example, tags: Sequence[str]) -> str:
    return f"{' '.join(example.words)}\t{' '.join(tags)}"


def _words(line: str, number: int, source: str) -> Example | None:
    words = tuple(line.split())
    return Example(words, None, None, source, number) if words else None


def _text(line: str, number: int, source: str) -> TextExample | None:
    text, _, pair = line.partition("\t")
    return TextExample(text, pair or None, None, None, source, number) if line.strip() else None


def _question(line: str, number: int, source: str) -> QuestionExample | None:
    question, _, context = line.partition("\t")
    return QuestionExample(str(number), question, context, None, None, source, number) if line.strip() else None


def _answer(example: QuestionExample, answer: AnswerPrediction) -> str:
    # A tab or line end inside an answer would break the line.
    return f"{' '.join(answer.text.split())}\t{answer.start}\t{answer.end}\t{answer.score:.4f}"


_TEXTS = "a text, or two texts with a tab between them"
LINES = {
    "tagging": LineFormat(_words, _tagged, "words separated by spaces", "words<TAB>tags"),
    "classification": LineFormat(_text, lambda _, p: f"{p.label}\t{p.probabilities.max():.4f}", _TEXTS,
                                 "label<TAB>probability"),
    "regression": LineFormat(_text, lambda _, p: f"{p:.4f}", _TEXTS, "score"),
    "question_answering": LineFormat(_question, _answer, "question<TAB>context",
                                     "answer<TAB>start<TAB>end<TAB>score"),
}
