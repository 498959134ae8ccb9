"""Which variants to keep: those that the teacher is sure of and, where it should, answers as before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterable, Iterator, Sequence

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmented
from xtremedistil_tf.augmentation.provenance import ORIGINAL, Tally
from xtremedistil_tf.corpus.example import AnyExample, Example
from xtremedistil_tf.errors import ConfigError

#: Examples whose answers are asked for together.
BLOCK = 512

Answers = Callable[[Sequence[AnyExample]], Sequence[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Quality:
    """What a variant has to come up to.

    Attributes:
        kind: of the task. Its logits are float32 [classes]; tagging [words, labels]; question answering
            [places, 2], the score of each place as first and as last one of the answer; regression [1].
        threshold: least confidence, in [0, 1]; without effect on regressions, which have none.
        tolerance: regression: how far the answers of original and variant may be apart.

    Raises:
        ConfigError: the threshold is no probability, or the tolerance is negative.
    """

    kind: str
    threshold: float = 0.0
    tolerance: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"Confidence of at least {self.threshold}: expected a probability, 0 to 1.")
        if not self.tolerance >= 0:
            raise ConfigError(f"Tolerance {self.tolerance}: expected a difference, 0 or more.")

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [examples], how sure the answers are.

        Classification: the top probability. Tagging: the mean of those of the words (1 without words).
        Question answering: the product of those of first and last place. Regression: 1.
        """
        if self.kind == "regression" or not len(logits):
            return np.ones(len(logits), np.float32)
        if self.kind == "classification":
            return _top_probabilities(np.stack(logits))
        if self.kind == "tagging":
            lengths = np.array([len(rows) for rows in logits])
            sums = _sums(_top_probabilities(np.concatenate(logits)), lengths)
            return np.where(lengths > 0, sums / np.maximum(lengths, 1), 1).astype(np.float32)
        return _top_probabilities(_padded(logits).swapaxes(1, 2)).prod(axis=1)

    def agreement(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
        """bool [examples], whether two answers are the same: the same class; the same tags, as far as both
        have answers; the same first and last place; numbers within the tolerance."""
        if not len(first):
            return np.zeros(0, bool)
        if self.kind == "regression":
            return np.abs(np.concatenate(first) - np.concatenate(second)) <= self.tolerance
        if self.kind == "classification":
            return np.stack(first).argmax(1) == np.stack(second).argmax(1)
        if self.kind == "tagging":
            lengths = np.array([min(len(one), len(other)) for one, other in zip(first, second)])
            tags = [np.concatenate([rows[:length] for rows, length in zip(part, lengths)]).argmax(1)
                    for part in (first, second)]
            return _sums((tags[0] != tags[1]).astype(np.float64), lengths) == 0
        return (_padded(first).argmax(1) == _padded(second).argmax(1)).all(1)


def confident(stream: Iterable[Augmented], answers: Answers, quality: Quality, keeps_label: Container[str],
              tally: Tally) -> Iterator[Augmented]:
    """Passes on all originals, and the variants that are good enough.

    Args:
        stream: every original followed by its variants.
        answers: examples -> the teacher's logits of each, as `Quality` has them.
        quality: what is good enough.
        keeps_label: names of the augmenters whose variants must be answered as their originals. Tagged
            sentences with another number of words than their original cannot be compared, and pass.
        tally: its counts are corrected for what is refused.

    Raises:
        Whatever `answers` does.
    """
    for group in _groups(stream):
        logits = list(answers([item.example for item in group]))
        own = np.maximum.accumulate([number if item.augmenter == ORIGINAL else 0
                                     for number, item in enumerate(group)])
        good = quality.confidence(logits) >= quality.threshold
        compared = [number for number, item in enumerate(group) if item.augmenter in keeps_label
                    and _comparable(item.example, group[own[number]].example)]
        good[compared] &= quality.agreement([logits[own[n]] for n in compared], [logits[n] for n in compared])
        for item, fine in zip(group, good):
            if fine or item.augmenter == ORIGINAL:
                yield item
            else:
                tally.of(item.augmenter).refused += 1
                tally.of(item.augmenter).kept -= 1


def _groups(stream: Iterable[Augmented]) -> Iterator[list[Augmented]]:
    """Cuts the stream before originals."""
    group: list[Augmented] = []
    for item in stream:
        if len(group) >= BLOCK and item.augmenter == ORIGINAL:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _comparable(variant: AnyExample, original: AnyExample) -> bool:
    if not (isinstance(variant, Example) and isinstance(original, Example)):
        return True
    return len(variant.words) == len(original.words)


def _top_probabilities(logits: np.ndarray) -> np.ndarray:
    """float32, the largest of the softmax over the last axis."""
    logits = logits.astype(np.float32)
    return 1 / np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)


def _sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float64 [examples], sums of the values of each, which stand one after the other."""
    totals = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.cumsum(lengths)
    return totals[ends] - totals[ends - lengths]


def _padded(logits: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [examples, most places, 2], -inf beyond the places of each."""
    padded = np.full((len(logits), max(map(len, logits)), 2), -np.inf, np.float32)
    for row, values in zip(padded, logits):
        row[: len(values)] = values
    return padded
