"""Which variants to keep: those that the teacher is sure of and, where it should, answers as before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.augmenter import ORIGINAL, Augmented, Tally
from xtremedistil_tf.corpus.example import AnyExample, Example
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import TeacherPredictor

#: Examples whose answers are asked for together.
ASKED_TOGETHER = 512
Answers = Callable[[Sequence[AnyExample]], Sequence[np.ndarray]]


class TeacherAnswers:
    """Callable: examples -> logits of each, as `Quality` takes them; examples are cut as in the transfer set.

    Args:
        task: what is answered.
        tokenizer: the teacher's.
        predictor: the teacher's.
        seq_len: most pieces of an example.
    """

    def __init__(self, task: Task, tokenizer: Any, predictor: TeacherPredictor, seq_len: int):
        self._task, self._tokenizer, self._predictor, self._seq_len = task, tokenizer, predictor, seq_len

    def __call__(self, examples: Sequence[AnyExample]) -> list[np.ndarray]:
        features = self._task.text_features(self._tokenizer, examples, self._seq_len).features
        logits = self._predictor.logits(features)
        mask = self._task.answer_column
        if not mask:
            return logits
        return [rows[features.read(index)[mask] > 0] for index, rows in enumerate(logits)]


@dataclasses.dataclass(frozen=True)
class Quality:
    """What a variant has to come up to.

    Attributes:
        task: what is answered. Its logits are float32 [outputs]; tagging [words, labels]; question answering
            [places, 2], the score of each place as first and as last one of the answer.
        threshold: least confidence, in [0, 1]; without effect on regressions, which have none.
        tolerance: regression: how far the answers of original and variant may be apart.

    Raises:
        ConfigError: the threshold is no probability, or the tolerance is negative.
    """

    task: Task
    threshold: float = 0.0
    tolerance: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"Confidence of at least {self.threshold}: expected a probability, 0 to 1.")
        if not self.tolerance >= 0:
            raise ConfigError(f"Tolerance {self.tolerance}: expected a difference, 0 or more.")

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """float32 [examples], how sure the answers are, see `Task.confidence`."""
        return self.task.confidence(logits)

    def agreement(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
        """bool [examples], whether two answers are the same, see `Task.same_logits`."""
        return self.task.same_logits(first, second, self.tolerance) if len(first) else np.zeros(0, bool)


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
        logits = list(answers([item.example.original or item.example for item in group]))
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
        if len(group) >= ASKED_TOGETHER and item.augmenter == ORIGINAL:
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _comparable(variant: AnyExample, original: AnyExample) -> bool:
    if not (isinstance(variant, Example) and isinstance(original, Example)):
        return True
    return len(variant.words) == len(original.words)
