"""Spans, tags and distributions that teachers gave the words of a sentence, as soft targets of each word."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import Example, Given
from xtremedistil_tf.tasks.tagging.decoding import Transitions, best_sequences
from xtremedistil_tf.tasks.targets import Softening, Targets, logs, weights_of
from xtremedistil_tf.tokenization.words import encode_words
from xtremedistil_tf.training.batches import RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf

_OUTSIDE = "O"


class LearnsFromSpans:
    """What a tagging task does with answers of teachers that are not run here, see `LearnsFromAnswers`.

    Attributes:
        labels, transitions: of the task.
    """

    labels: list[str]
    transitions: Transitions

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import answer_loss

        return answer_loss(batch["teacher_logits"], logits, batch["word_starts"], batch.get("teacher_known"))

    def store_given(self, tokenizer: Any, examples: Sequence[Example], features: RaggedFeatures, seq_len: int,
                    softening: Softening) -> Targets:
        return stored_targets(tokenizer, examples, features, self.labels, softening)

    def with_given(self, example: Example) -> Example:
        targets = word_targets(example.given or (), len(example.words), self.labels, Softening())
        best = best_sequences(targets.logits, [len(example.words)], self.transitions)
        return dataclasses.replace(example, tags=tuple(self.labels[label] for label in best), given=None)


def word_targets(given: Given, words: int, labels: Sequence[str], softening: Softening) -> Targets:
    """Targets of the words of a sentence, the weighted mean of all answers, each over the labels that it knows.

    The label of words outside of entities gets what the others leave. A label that nobody knows at a word is not
    known there; a word of which nothing is known has no known label at all.

    Args:
        given: what was said.
        words: how many words there are.
        labels: of the task.
        softening: how answers become probabilities.
    """
    rows, sums = np.zeros((words, len(labels))), np.zeros((words, len(labels)))
    for answer, weight in zip(given, weights_of(given)):
        probabilities, told = _of_answer(answer, words, labels, softening)
        counted = weight * told[:, None] * _knows(answer, labels)
        rows += counted * probabilities
        sums += counted
    known = sums > 0
    found = np.where(known, rows / np.maximum(sums, 1e-12), 0.0)
    if _OUTSIDE in labels:
        place = labels.index(_OUTSIDE)
        if not known.all() or any("knows" in answer for answer in given):
            found[:, place] = 0
            found[:, place] = np.maximum(0, 1 - found.sum(-1))
        known[:, place] = known.any(-1)
    found /= np.maximum(found.sum(-1, keepdims=True), 1e-12)
    return Targets(logs(found), known.astype(np.float32))


def stored_targets(tokenizer: Any, examples: Sequence[Example], features: RaggedFeatures, labels: Sequence[str],
                   softening: Softening) -> Targets:
    """Targets of all pieces of some sentences, those of a word at its first piece.

    Words of which nothing is known lose their weight in `word_starts`. Arguments as those of `Task.store_given`.
    """
    starts = features.data["word_starts"]
    found = Targets(*(np.zeros((len(starts), len(labels)), np.float32) for _ in range(2)))
    found.known[:] = 1
    encodings = encode_words(tokenizer, (example.words for example in examples))
    for number, (example, encoded) in enumerate(zip(examples, encodings)):
        begin, end = features.offsets[number:number + 2]
        places = begin + np.flatnonzero(starts[begin:end])
        # Words without subwords have no piece, and those beyond seq_len were cut.
        words = encoded.word_ids[encoded.word_starts][:len(places)]
        targets = word_targets(example.given or (), len(example.words), labels, softening)
        found.logits[places], found.known[places] = targets.logits[words], targets.known[words]
        starts[places] *= targets.known[words].any(-1)
    return found


def _knows(answer: Mapping[str, Any], labels: Sequence[str]) -> np.ndarray:
    """bool [labels]: which of them this teacher can give."""
    if "knows" not in answer:
        return np.ones(len(labels), bool)
    known = set(answer["knows"])
    return np.array([label == _OUTSIDE or label in known or label[2:] in known for label in labels], bool)


def _of_answer(answer: Mapping[str, Any], words: int, labels: Sequence[str],
               softening: Softening) -> tuple[np.ndarray, np.ndarray]:
    """float64 [words, labels], and bool [words]: what is known."""
    places = {label: place for place, label in enumerate(labels)}
    told = np.ones(words, bool)
    if "scores" in answer:
        rows = np.zeros((words, len(labels)))
        for row, scores in zip(rows, answer["scores"]):
            for tag, score in scores.items():
                row[places[tag] if tag in places else places[_OUTSIDE]] += score
        told = rows.max(-1) >= max(softening.least_score, 1e-9)
        return softening.tempered(rows), told
    rows = np.zeros((words, len(labels)))
    if "tags" in answer:
        for place, tag in enumerate(answer["tags"]):
            told[place] = tag in places
            rows[place] = softening.certain(places.get(tag, 0), len(labels))
        return rows, told
    outside = places.get(_OUTSIDE, 0)
    rows[:] = softening.certain(outside, len(labels))
    for first, stop, label, score in answer["spans"]:
        for place in range(first, stop):
            tag = f"{'B' if place == first else 'I'}-{label}"
            told[place] = tag in places and (score is None or score >= softening.least_score)
            if tag not in places:
                continue
            if score is None:
                rows[place] = softening.certain(places[tag], len(labels))
            else:
                share = softening.sure(min(1.0, score))
                rows[place] = 0
                rows[place, places[tag]], rows[place, outside] = share, 1 - share
    return rows, told
