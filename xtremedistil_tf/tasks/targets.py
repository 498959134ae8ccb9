"""What teachers by file said of an example, as what a student learns: soft targets, and what is not known."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xtremedistil_tf.corpus.example import Given
from xtremedistil_tf.training.batches import RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf

#: Log-probabilities end here: no target is impossible, and none is infinitely sure.
LEAST = 1e-4


class Targets(NamedTuple):
    """What teachers said of the places where an example is answered.

    Attributes:
        logits: float32 [answers, outputs], log-probabilities; or numbers, or log-odds of labels.
        known: float32 [answers, outputs], 0 for labels that no teacher knew there.
    """

    logits: np.ndarray
    known: np.ndarray


@dataclasses.dataclass(frozen=True)
class Softening:
    """How answers become probabilities.

    Attributes:
        smoothing: share of a certain answer that the other labels get (Szegedy et al. 2016).
        temperature: probabilities p become p^(1/T), normalised; above 1 they are less sure.
        least_score: answers that are less sure are not known.
    """

    smoothing: float = 0.1
    temperature: float = 1.0
    least_score: float = 0.0

    def tempered(self, probabilities: np.ndarray) -> np.ndarray:
        """[answers, outputs] with the temperature; rows that sum to one."""
        powers = np.maximum(probabilities, LEAST) ** (1 / self.temperature)
        return powers / powers.sum(-1, keepdims=True)

    def sure(self, score: float) -> float:
        """The probability of something that is either so or not, with the temperature."""
        return float(self.tempered(np.array([score, 1 - score]))[0])

    def certain(self, place: int, count: int) -> np.ndarray:
        """float64 [count] of an answer without a score."""
        row = np.full(count, self.smoothing / max(1, count - 1))
        row[place] = 1 - self.smoothing if count > 1 else 1.0
        return row


class LearnsFromAnswers:
    """What a task does with answers of teachers that are not run here."""

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Loss against the probabilities that `teacher_logits` of a batch stand for, float32 scalar."""
        raise NotImplementedError

    def store_given(self, tokenizer: Any, examples: Sequence[Any], features: RaggedFeatures, seq_len: int,
                    softening: Softening) -> Targets:
        """What teachers that are not run here said of examples (`given`), where the task is answered.

        Args:
            tokenizer: the student's.
            examples: with `given`.
            features: of `text_features`; weights of answers that are not known become 0.
            seq_len: most pieces of an example.
            softening: how answers become probabilities.

        Returns:
            float32 [pieces, outputs] or [examples, outputs].
        """
        raise NotImplementedError

    def says_something(self, example: Any, softening: Softening) -> bool:
        """Whether what teachers said of an example is sure enough to be learned."""
        return True

    def with_given(self, example: Any) -> Any:
        """An example whose label is what teachers that are not run here said of it."""
        raise NotImplementedError


def weights_of(given: Given) -> list[float]:
    """What each answer counts for."""
    return [float(answer.get("weight", 1.0)) for answer in given]


def class_probabilities(answer: Mapping[str, Any], labels: Sequence[str], softening: Softening) -> np.ndarray:
    """float64 [labels] of one answer; zeros where it is too unsure.

    What the scores leave is shared by the labels that have none.
    """
    places, count = {label: place for place, label in enumerate(labels)}, len(labels)
    if "scores" in answer:
        row, others = np.zeros(count), np.ones(count, bool)
        for label, score in answer["scores"].items():
            if label in places:
                row[places[label]], others[places[label]] = score, False
        rest = max(0.0, 1 - row.sum())
        row[others] = rest / max(1, others.sum())
        row /= row.sum() or 1.0
    elif "score" in answer:
        rest = (1 - answer["score"]) / max(1, count - 1)
        row = np.full(count, rest)
        row[places[answer["label"]]] = answer["score"]
    else:
        row = softening.certain(places[answer["label"]], count)
    if "label" not in answer or "score" in answer:
        if row.max() < softening.least_score:
            return np.zeros(count)
        row = softening.tempered(row[None])[0]
    return row


def averaged(rows: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of those that say something; zeros where none does."""
    told = [(row, weight) for row, weight in zip(rows, weights) if row.any()]
    if not told:
        return np.zeros_like(rows[0])
    found: np.ndarray = np.average([row for row, _ in told], axis=0, weights=[weight for _, weight in told])
    return found


def logs(probabilities: np.ndarray) -> np.ndarray:
    """float32 logarithms."""
    return np.log(np.maximum(probabilities, LEAST)).astype(np.float32)
