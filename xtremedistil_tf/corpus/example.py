"""One example of a corpus: a pre-split sentence, a text or a pair of texts, or a question with its context."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One pre-split sentence, for tagging.

    Attributes:
        words: none is empty, none holds white space.
        tags: one per word (`O`, `B-type`, `I-type`); None where the sentence is not labelled.
        language: such as `de`; None where unknown.
        source, line: file and line (from 1) that the sentence came from, for messages.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class TextExample:
    """A text, or a pair of texts, for classification, regression and multi-label classification.

    Attributes:
        text: the (first) text.
        pair: the second text, None where the task has one text only.
        label: name of the class, the target of a regression, or names of several labels; None where not labelled.
        language, source, line: as in `Example`.
    """

    text: str
    pair: str | None = None
    label: str | float | tuple[str, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it stands in its context.

    Attributes:
        text: the answer.
        start: offset of its first character in the context, in Unicode characters.
    """

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class QuestionExample:
    """A question about a text, for extractive question answering.

    Attributes:
        id: unique in its file.
        question, context: texts.
        answers: the right answers; empty where the context holds none, None where not labelled.
        language, source: as in `Example`.
        line: number of the question in its file, from 1.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0


AnyExample = Example | TextExample | QuestionExample


def texts_of(example: AnyExample) -> tuple[str, ...]:
    """The texts that an example consists of; of a sentence its words with spaces between them."""
    if isinstance(example, Example):
        return (" ".join(example.words),)
    if isinstance(example, QuestionExample):
        return example.question, example.context
    return (example.text,) if example.pair is None else (example.text, example.pair)
