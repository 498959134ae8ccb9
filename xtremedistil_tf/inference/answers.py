"""Answers to raw text as plain dataclasses, and what may be asked, for each kind of task."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.tagging.entities import entities

_WORD = re.compile(r"\S+")
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True)
class Entity:
    """An entity in a text.

    Attributes:
        type: such as `PER`.
        text: as it stands in the text that was given.
        start, end: offsets of its first character and of the one after its last.
        score: mean probability of its words' tags, in [0, 1].
    """

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclasses.dataclass(frozen=True)
class TaggedWord:
    """A word with its tag; offsets and score as those of `Entity`."""

    text: str
    tag: str
    start: int
    end: int
    score: float


@dataclasses.dataclass(frozen=True)
class _Several(Sequence[Item], Generic[Item]):
    """An answer of several parts, which is a sequence of them."""

    @property
    def _items(self) -> tuple[Item, ...]:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self._items[index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


@dataclasses.dataclass(frozen=True)
class Tagging(_Several[Entity]):
    """The answer of a tagger: a sequence of entities.

    Attributes:
        text: that was given; of given words, the words with spaces between them.
        entities: in order; of tags that are not IOB2, the runs of equal tags other than `O`.
        words: every word with its tag.
    """

    text: str
    entities: tuple[Entity, ...]
    words: tuple[TaggedWord, ...]

    @property
    def _items(self) -> tuple[Entity, ...]:
        return self.entities

    @property
    def tags(self) -> list[str]:
        """The tag of each word."""
        return [word.tag for word in self.words]


@dataclasses.dataclass(frozen=True)
class Label:
    """The answer of a classifier.

    Attributes:
        label: the most probable class.
        score: its probability.
        probabilities: of all classes.
    """

    label: str
    score: float
    probabilities: Mapping[str, float] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Labels(_Several[str]):
    """The answer of a multi-label classifier: a sequence of labels.

    Attributes:
        labels: whose probability reaches the label's threshold, in the order of the task.
        probabilities: of all labels.
    """

    labels: tuple[str, ...]
    probabilities: Mapping[str, float] = dataclasses.field(repr=False)

    @property
    def _items(self) -> tuple[str, ...]:
        return self.labels


@dataclasses.dataclass(frozen=True)
class Number:
    """The answer of a regression.

    Attributes:
        value: the number.
    """

    value: float

    def __float__(self) -> float:
        return self.value


@dataclasses.dataclass(frozen=True)
class AnswerSpan:
    """The answer to a question.

    Attributes:
        text: as it stands in the context; empty for "no answer".
        start, end: offsets of its first character and of the one after its last; 0 for "no answer".
        score: start logit + end logit of the best answer, also where "no answer" was preferred.
        no_answer_score: start logit + end logit of "no answer".
    """

    text: str
    start: int
    end: int
    score: float
    no_answer_score: float


Answer = Tagging | Label | Labels | Number | AnswerSpan


@dataclasses.dataclass(frozen=True)
class Asked:
    """One thing that was asked.

    Attributes:
        example: for the task.
        text: of a tagger, the text that was given.
        spans: of its words.
    """

    example: AnyExample
    text: str = ""
    spans: Sequence[tuple[int, int]] = ()


def is_single(kind: str, given: Any) -> bool:
    """Whether what was given is one thing to answer, and not several."""
    if isinstance(given, str | Example | TextExample | QuestionExample | Mapping):
        return True
    # Words are given as lists of lists, so that a list of strings is always several texts.
    return kind != "tagging" and isinstance(given, tuple) and all(isinstance(part, str) for part in given)


def asked(kind: str, given: Any) -> Asked:
    """One thing to answer.

    Args:
        kind: of the task.
        given: a text; words (tagging); `(text, pair)`; `(question, context)`; a mapping with these names; an example.

    Raises:
        DataError: it has another form.
    """
    found = {"tagging": _sentence, "question_answering": _question}.get(kind, _text)(given)
    if found is None:
        raise DataError(f"predict: {quoted(given)}, expected {_FORMS.get(kind, _FORMS['classification'])}.")
    return found


_FORMS = {"tagging": "a text, or a list of words", "classification": "a text, or of pairs a tuple (text, pair)",
          "question_answering": "a tuple (question, context), or a mapping with question and context"}


def _sentence(given: Any) -> Asked | None:
    if isinstance(given, Mapping):
        given = next((given[key] for key in ("text", "tokens", "words") if key in given), None)
    if isinstance(given, str):
        spans = [match.span() for match in _WORD.finditer(given)]
        return Asked(Example(tuple(given[start:end] for start, end in spans)), given, spans)
    words = given.words if isinstance(given, Example) else given
    if not isinstance(words, Sequence | np.ndarray) or not all(isinstance(w, str) and w.strip() for w in words):
        return None
    words = tuple(map(str, words))
    ends = np.cumsum([len(word) + 1 for word in words]).tolist()
    return Asked(Example(words), " ".join(words), [(end - 1 - len(word), end - 1) for word, end in zip(words, ends)])


def _text(given: Any) -> Asked | None:
    if isinstance(given, TextExample):
        return Asked(given)
    if isinstance(given, Mapping):
        given = (given.get("text"), given.get("pair", given.get("text_pair")))
    elif isinstance(given, str):
        given = (given, None)
    if not (isinstance(given, Sequence) and len(given) == 2 and isinstance(given[0], str)
            and (given[1] is None or isinstance(given[1], str))):
        return None
    return Asked(TextExample(*given))


def _question(given: Any) -> Asked | None:
    if isinstance(given, QuestionExample):
        return Asked(given)
    if isinstance(given, Mapping):
        given = (given.get("question"), given.get("context"))
    if isinstance(given, str) or not (isinstance(given, Sequence) and len(given) == 2
                                      and all(isinstance(part, str) for part in given)):
        return None
    return Asked(QuestionExample("", *given))


def answer(task: Any, one: Asked, prediction: Any) -> Answer:
    """What a task predicted as an answer.

    Args:
        task: whose prediction it is.
        one: what was asked.
        prediction: of a tagger (tags, scores), see `TaggingTask.tagged`; else what `decode` gives.
    """
    return _ANSWERS[task.kind](task, one, prediction)


def _tagging(task: Any, one: Asked, prediction: tuple[Sequence[str], np.ndarray]) -> Tagging:
    tags, scores = prediction
    words = tuple(TaggedWord(one.text[start:end], tag, start, end, float(score))
                  for (start, end), tag, score in zip(one.spans, tags, scores))
    found = []
    for entity in entities(tags, task.labels):
        start, end = one.spans[entity.first][0], one.spans[entity.last][1]
        mean = float(np.mean(scores[entity.first: entity.last + 1]))
        found.append(Entity(entity.type, one.text[start:end], start, end, mean))
    return Tagging(one.text, tuple(found), words)


def _label(task: Any, one: Asked, prediction: Any) -> Label:
    by_name = dict(zip(task.labels, prediction.probabilities.tolist()))
    return Label(prediction.label, by_name[prediction.label], by_name)


def _labels(task: Any, one: Asked, prediction: Any) -> Labels:
    return Labels(tuple(prediction.labels), dict(zip(task.labels, prediction.probabilities.tolist())))


def _number(task: Any, one: Asked, prediction: float) -> Number:
    return Number(float(prediction))


def _span(task: Any, one: Asked, prediction: Any) -> AnswerSpan:
    return AnswerSpan(prediction.text, prediction.start, prediction.end, float(prediction.score),
                      float(prediction.no_answer_score))


_ANSWERS: dict[str, Callable[..., Answer]] = {
    "tagging": _tagging, "classification": _label, "multi_label": _labels, "regression": _number,
    "question_answering": _span}
