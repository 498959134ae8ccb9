"""Serving the Keras student of a model directory that has no SavedModel for raw strings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.inference.keras import StudentPredictor
from xtremedistil_tf.server.model import Signature, Spec, Tensors
from xtremedistil_tf.students.model_directory import SavedStudent
from xtremedistil_tf.tasks.spans import entities
from xtremedistil_tf.tasks.tagging import TaggingTask

_Predict = Callable[..., Tensors]


def raw_strings(saved: SavedStudent) -> Signature:
    """A signature with the inputs and outputs of `raw_strings` of `export_saved_model`.

    Of classification and regression it also takes `pairs`, which may be left out: a model directory does not
    say whether its task has pairs.
    """
    predictor = StudentPredictor(saved.student, saved.tokenizer, saved.task)
    inputs, outputs, answer, optional = _KINDS[saved.task.kind]

    def call(texts: Tensors) -> Tensors:
        read = {name: [text.decode("utf-8", "replace") for text in values] for name, values in texts.items()}
        return answer(saved, predictor, **read)

    return Signature({name: Spec("string", (None,)) for name in inputs}, outputs, call, frozenset(optional))


def _tags(saved: SavedStudent, predictor: StudentPredictor, texts: list[str]) -> Tensors:
    spans = [[match.span() for match in re.finditer(r"\S+", text)] for text in texts]
    words = [text.split() for text in texts]
    task: Any = saved.task
    features = task.prediction_features(saved.tokenizer, [Example(tuple(row)) for row in words],
                                        saved.student.max_length)
    tagged = task.tagged(features, predictor.logits(features.features))
    tags, scores = [tags for tags, _ in tagged], [scores for _, scores in tagged]
    by_word = {"words": _padded(map(_bytes, words), b""), "tags": _padded(map(_bytes, tags), b""),
               "scores": _padded(scores, -1, np.float32),
               "starts": _padded(([start for start, _ in row] for row in spans), -1, np.int32),
               "ends": _padded(([end for _, end in row] for row in spans), -1, np.int32),
               "word_counts": np.array([len(row) for row in words], np.int32)}
    return by_word | _entities(task, texts, spans, tags, scores)


def _entities(task: TaggingTask, texts: list[str], spans: list[list[tuple[int, int]]], tags: list[list[str]],
              scores: list[np.ndarray]) -> Tensors:
    found = [entities(row, task.labels) for row in tags]
    starts = [[row[one.first][0] for one in own] for row, own in zip(spans, found)]
    ends = [[row[one.last][1] for one in own] for row, own in zip(spans, found)]
    means = [[row[one.first: one.last + 1].mean() for one in own] for row, own in zip(scores, found)]
    strings = (_bytes(text[start:end] for start, end in zip(*row)) for text, *row in zip(texts, starts, ends))
    return {"entities": _padded(strings, b""),
            "entity_types": _padded((_bytes(one.type for one in own) for own in found), b""),
            "entity_starts": _padded(starts, -1, np.int32), "entity_ends": _padded(ends, -1, np.int32),
            "entity_scores": _padded(means, -1, np.float32),
            "entity_counts": np.array([len(own) for own in found], np.int32)}


def _classes(saved: SavedStudent, predictor: StudentPredictor, texts: list[str],
             pairs: list[str] | None = None) -> Tensors:
    found = predictor.predict(_examples(texts, pairs))
    probabilities = np.array([one.probabilities for one in found], np.float32)
    probabilities = probabilities.reshape(len(found), len(saved.task.labels))
    return {"labels": _bytes(one.label for one in found), "scores": probabilities.max(-1),
            "probabilities": probabilities,
            "label_names": np.broadcast_to(_bytes(saved.task.labels), probabilities.shape)}


def _numbers(saved: SavedStudent, predictor: StudentPredictor, texts: list[str],
             pairs: list[str] | None = None) -> Tensors:
    return {"scores": np.array(predictor.predict(_examples(texts, pairs)), np.float32)}


def _answers(saved: SavedStudent, predictor: StudentPredictor, questions: list[str],
             contexts: list[str]) -> Tensors:
    found = predictor.predict([QuestionExample("", *both) for both in zip(questions, contexts)])
    return {"answers": _bytes(one.text for one in found),
            "starts": np.array([one.start for one in found], np.int32),
            "ends": np.array([one.end for one in found], np.int32),
            "scores": np.array([one.score for one in found], np.float32),
            "no_answer_scores": np.array([one.no_answer_score for one in found], np.float32)}


def _examples(texts: list[str], pairs: list[str] | None) -> list[TextExample]:
    others: Sequence[str | None] = pairs or [None] * len(texts)
    return [TextExample(text, pair) for text, pair in zip(texts, others)]


def _bytes(texts: Iterable[str]) -> np.ndarray:
    return np.array([text.encode() for text in texts], object)


def _padded(rows: Iterable[Any], fill: Any, dtype: npt.DTypeLike = object) -> np.ndarray:
    rows = list(rows)
    table = np.full((len(rows), max(map(len, rows), default=0)), fill, dtype)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


_TEXT, _FLOAT, _INT = Spec("string", (None,)), Spec("float32", (None,)), Spec("int32", (None,))


def _wide(spec: Spec) -> Spec:
    return Spec(spec.dtype, (None, None))


#: Kind of task -> inputs, outputs, how they are made, optional inputs.
_KINDS: dict[str, tuple[tuple[str, ...], dict[str, Spec], _Predict, tuple[str, ...]]] = {
    "tagging": (("texts",), {"words": _wide(_TEXT), "tags": _wide(_TEXT), "scores": _wide(_FLOAT),
                             "starts": _wide(_INT), "ends": _wide(_INT), "word_counts": _INT,
                             "entities": _wide(_TEXT), "entity_types": _wide(_TEXT),
                             "entity_starts": _wide(_INT), "entity_ends": _wide(_INT),
                             "entity_scores": _wide(_FLOAT), "entity_counts": _INT}, _tags, ()),
    "classification": (("texts", "pairs"), {
        "labels": _TEXT, "scores": _FLOAT, "probabilities": _wide(_FLOAT), "label_names": _wide(_TEXT)},
        _classes, ("pairs",)),
    "regression": (("texts", "pairs"), {"scores": _FLOAT}, _numbers, ("pairs",)),
    "question_answering": (("questions", "contexts"), {
        "answers": _TEXT, "starts": _INT, "ends": _INT, "scores": _FLOAT, "no_answer_scores": _FLOAT},
        _answers, ()),
}
