"""Tagging of raw text: what a model answers with, and how its answers are read."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.raw_text import FLOAT, INT, TEXT, Output, Outputs, RawText, padded, utf8
from xtremedistil_tf.tasks.tagging.entities import entities

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.tagging.task import TaggingTask

_WORD_OUTPUTS = ("words", "tags", "scores", "starts", "ends")
#: In the order of `Entity`.
_ENTITY_OUTPUTS = ("entity_types", "entities", "entity_starts", "entity_ends", "entity_scores")


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
        entities: what the tags make, see `tasks.tagging.entities.entity_rules`.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    scores: tuple[float, ...]
    offsets: tuple[tuple[int, int], ...]
    entities: tuple[Entity, ...]


def _read(outputs: Outputs) -> list[TaggedText]:
    answers = []
    for row, (words, found) in enumerate(zip(outputs["word_counts"], outputs["entity_counts"])):
        # A batch is padded to the text with the most words, and to that with the most entities.
        word = {name: outputs[name][row][:words].tolist() for name in _WORD_OUTPUTS}
        entity = [outputs[name][row][:found].tolist() for name in _ENTITY_OUTPUTS]
        answers.append(TaggedText(tuple(word["words"]), tuple(word["tags"]), tuple(word["scores"]),
                                  tuple(zip(word["starts"], word["ends"])),
                                  tuple(Entity(*values) for values in zip(*entity))))
    return answers


def _answer(saved: Any, predictor: Any, texts: list[str]) -> dict[str, np.ndarray]:
    spans = [[match.span() for match in re.finditer(r"\S+", text)] for text in texts]
    words = [text.split() for text in texts]
    task: TaggingTask = saved.task
    features = task.prediction_features(saved.tokenizer, [Example(tuple(row)) for row in words],
                                        saved.student.max_length)
    tagged = task.tagged(features, predictor.logits(features.features))
    tags, scores = [tags for tags, _ in tagged], [scores for _, scores in tagged]
    by_word = {"words": padded(map(utf8, words), b""), "tags": padded(map(utf8, tags), b""),
               "scores": padded(scores, -1, np.float32),
               "starts": padded(([start for start, _ in row] for row in spans), -1, np.int32),
               "ends": padded(([end for _, end in row] for row in spans), -1, np.int32),
               "word_counts": np.array([len(row) for row in words], np.int32)}
    return by_word | _entities(task, texts, spans, tags, scores)


def _entities(task: TaggingTask, texts: list[str], spans: list[list[tuple[int, int]]], tags: list[list[str]],
              scores: list[np.ndarray]) -> dict[str, np.ndarray]:
    found = [entities(row, task.labels) for row in tags]
    starts = [[row[one.first][0] for one in own] for row, own in zip(spans, found)]
    ends = [[row[one.last][1] for one in own] for row, own in zip(spans, found)]
    means = [[row[one.first: one.last + 1].mean() for one in own] for row, own in zip(scores, found)]
    strings = (utf8(text[start:end] for start, end in zip(*row)) for text, *row in zip(texts, starts, ends))
    return {"entities": padded(strings, b""),
            "entity_types": padded((utf8(one.type for one in own) for own in found), b""),
            "entity_starts": padded(starts, -1, np.int32), "entity_ends": padded(ends, -1, np.int32),
            "entity_scores": padded(means, -1, np.float32),
            "entity_counts": np.array([len(own) for own in found], np.int32)}


_DTYPES = {TEXT: ("words", "tags", "entities", "entity_types"), FLOAT: ("scores", "entity_scores"),
           INT: ("starts", "ends", "entity_starts", "entity_ends")}
_OUTPUTS = {name: Output(dtype, 2) for dtype, names in _DTYPES.items() for name in names}
RAW_TEXT = RawText(("texts",), frozenset(), _OUTPUTS | {"word_counts": Output(INT), "entity_counts": Output(INT)},
                   _read, _answer, frozenset(["word_counts", *_WORD_OUTPUTS, "entity_counts", *_ENTITY_OUTPUTS]),
                   frozenset(["tags"]), "tag", lambda answer: answer.tags)
