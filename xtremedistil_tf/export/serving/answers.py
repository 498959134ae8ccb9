"""What a server answers to raw strings, as values of Python."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

#: Outputs of a signature by name, each [batch, ...].
Outputs = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Entity:
    """Attributes:
        type: such as `PER`.
        text: the entity as it stands in the text.
        start, end: offsets of its first character and of the one after its last.
        score: mean of the scores of its words.
    """

    type: str
    text: str
    start: int
    end: int
    score: float


@dataclasses.dataclass(frozen=True)
class TaggedText:
    """Attributes:
        words: the text's white-space words.
        tags, scores: each word's tag, as the model decodes it, and the softmax's probability of that tag.
        offsets: (first character, the one after the last) of each word.
        entities: what the tags make, see `tasks.spans.entity_rules`.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    scores: tuple[float, ...]
    offsets: tuple[tuple[int, int], ...]
    entities: tuple[Entity, ...]


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


class Reader(NamedTuple):
    """How the answers of one kind of task are read.

    Attributes:
        method: method of `ServingClient` that asks for them.
        outputs: those outputs of the signature `raw_strings` that are read.
        read: outputs -> one answer per text.
    """

    method: str
    outputs: frozenset[str]
    read: Callable[[Outputs], list[Any]]


def _tagged(outputs: Outputs) -> list[TaggedText]:
    answers = []
    for row, (words, entities) in enumerate(zip(outputs["word_counts"], outputs["entity_counts"])):
        # A batch is padded to the text with the most words, and to that with the most entities.
        word = {name: outputs[name][row][:words].tolist() for name in _WORD_OUTPUTS}
        entity = [outputs[name][row][:entities].tolist() for name in _ENTITY_OUTPUTS]
        answers.append(TaggedText(tuple(word["words"]), tuple(word["tags"]), tuple(word["scores"]),
                                  tuple(zip(word["starts"], word["ends"])),
                                  tuple(Entity(*values) for values in zip(*entity))))
    return answers


def _classified(outputs: Outputs) -> list[Classification]:
    return [Classification(label, score, probabilities) for label, score, probabilities in
            zip(outputs["labels"].tolist(), outputs["scores"].tolist(), outputs["probabilities"])]


def _scored(outputs: Outputs) -> list[float]:
    return outputs["scores"].tolist()


def _answered(outputs: Outputs) -> list[Answer]:
    return [Answer(*values) for values in zip(*(outputs[name].tolist() for name in _ANSWER_OUTPUTS))]


_WORD_OUTPUTS = ("words", "tags", "scores", "starts", "ends")
#: In the order of `Entity`.
_ENTITY_OUTPUTS = ("entity_types", "entities", "entity_starts", "entity_ends", "entity_scores")
#: In the order of `Answer`.
_ANSWER_OUTPUTS = ("answers", "starts", "ends", "scores", "no_answer_scores")

#: By kind of task. The first whose outputs a model has is the model's kind: a regression has but one output,
#: which all have.
READERS = {
    "tagging": Reader("tag", frozenset(["word_counts", *_WORD_OUTPUTS, "entity_counts", *_ENTITY_OUTPUTS]),
                      _tagged),
    "classification": Reader("classify", frozenset(["labels", "scores", "probabilities"]), _classified),
    "question_answering": Reader("answer", frozenset(_ANSWER_OUTPUTS), _answered),
    "regression": Reader("score", frozenset(["scores"]), _scored),
}
