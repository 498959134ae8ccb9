"""Answers that teachers gave to questions, as soft targets of the first and the last piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import Answer, Given, QuestionExample
from xtremedistil_tf.tasks.question_answering.answers import pieces_of_answer
from xtremedistil_tf.tasks.targets import Softening, Targets, logs, weights_of
from xtremedistil_tf.tokenization.texts import EncodedQuestion
from xtremedistil_tf.training.batches import RaggedFeatures


def answers_of(answer: Mapping[str, Any]) -> Iterator[tuple[Answer, float | None]]:
    """The answers that a teacher gave, and their scores."""
    for text, start, score in answer["spans"]:
        yield Answer(text, start), score


def stored_targets(encoded: Sequence[EncodedQuestion], examples: Sequence[QuestionExample], features: RaggedFeatures,
                   softening: Softening) -> Targets:
    """Targets of all pieces of the first window of some questions. Arguments as those of `Task.store_given`."""
    found = np.zeros((int(features.offsets[-1]), 2), np.float32)
    for number, (example, question) in enumerate(zip(examples, encoded)):
        begin, end = features.offsets[number:number + 2]
        possible = features.data["answer_mask"][begin:end] > 0
        shares = question_probabilities(question, example.given or (), possible, softening)
        found[begin:end] = logs(shares)
    return Targets(found, np.ones_like(found))


def question_probabilities(question: EncodedQuestion, given: Given, possible: np.ndarray,
                           softening: Softening) -> np.ndarray:
    """float64 [pieces, 2]: first and last piece of the answer, in the first window.

    Answers without a score share alike; what the scores leave goes to no answer. An answer that the window does not
    hold is none in it.
    """
    window, total, weights = question.windows[0], np.zeros((len(possible), 2)), weights_of(given)
    for answer, weight in zip(given, weights):
        told = list(answers_of(answer))
        certain = (1 - softening.smoothing) / max(1, len(told))
        rest = 1.0
        for one, score in told:
            share = certain if score is None else softening.sure(min(1.0, score)) / max(1.0, len(told))
            first, last = pieces_of_answer(question.offsets, [one])
            shift = window.context_at - window.start
            inside = window.start <= first and last < window.stop
            for side, place in enumerate((first + shift, last + shift) if inside else (window.no_answer_at,) * 2):
                total[place, side] += weight * share
            rest -= share
        if not told or any(score is not None for _, score in told):
            kept = rest if told else 1 - softening.smoothing
            total[window.no_answer_at] += weight * max(0.0, kept)
            rest -= kept
        total[possible] += weight * max(0.0, rest) / max(1, possible.sum())
    return total / sum(weights or [1.0])
