"""A number for a text or a pair of texts, such as the similarity of two sentences: task and scores."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import Given, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.raw_text import TEXTS, LineFormat, text_of_line
from xtremedistil_tf.tasks.regression.formats import RAW_TEXT
from xtremedistil_tf.tasks.scores import KindWords, scores_named, with_languages
from xtremedistil_tf.tasks.targets import Softening, weights_of
from xtremedistil_tf.tasks.task import TaskFeatures, check_main_score
from xtremedistil_tf.tasks.text_task import TextTask, ones
from xtremedistil_tf.training.batches import Column

if TYPE_CHECKING:
    import tensorflow as tf

#: Numbers that are no further apart count as the same answer.
SAME_NUMBER = 1e-2
WORDS = KindWords(name="text regression", does="Gives a text a number.",
                  line="text, a tab, a number (with `do_pairwise`: text<TAB>text<TAB>number)",
                  line_example="Great film.<TAB>4.5",
                  example='TextExample("A plane takes off.", "A plane is taking off.")',
                  scores=scores_named("pearson", "spearman"), other_scores={"mse": "mean squared error"},
                  chosen="those furthest apart")


def regression_scores(gold: Sequence[float], predicted: Sequence[float]) -> dict[str, Any]:
    """Scores of predicted numbers.

    Args:
        gold, predicted: one number per example.

    Returns:
        `pearson` and `spearman` (by SciPy, in [-1, 1]; 0.0 where either side is constant or has one
        example only, as no correlation is defined there), `mse` (mean squared error), `support`
        (number of examples).
    """
    from scipy import stats

    right, found = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    return {"pearson": _correlation(stats.pearsonr, right, found),
            "spearman": _correlation(stats.spearmanr, right, found),
            "mse": float(np.mean(np.square(right - found))), "support": len(right)}


def _correlation(function: Callable[..., Any], gold: np.ndarray, predicted: np.ndarray) -> float:
    if np.ptp(gold) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(function(gold, predicted).statistic)


class RegressionTask(TextTask):
    """One number for a text or a pair of texts; the targets are used as they are, without scaling,
    and a student's head starts at their mean.

    Args:
        labels: name of the number.
        main_score: `pearson` or `spearman`.

    Raises:
        ConfigError: more or less than one name, or no such score.
    """

    kind = "regression"
    names_outputs = False
    words = WORDS
    lines = LineFormat(text_of_line, lambda _, number: f"{number:.4f}", TEXTS, "score")
    raw_text = RAW_TEXT
    most_distant_first = True

    def __init__(self, labels: Sequence[str] = ("score",), main_score: str = "pearson"):
        super().__init__(labels)
        self.main_score = check_main_score(main_score, ("pearson", "spearman"))
        if len(self.labels) != 1:
            raise ConfigError(f"A regression has one output, found {len(self.labels)} labels: "
                              f"{quoted(', '.join(self.labels))}. "
                              "For classes use `task_kind=classification`.")

    @property
    def label_columns(self) -> dict[str, Column]:
        return {"labels": Column(np.float32, per_piece=False)}

    def label_problem(self, label: Any) -> str | None:
        if isinstance(label, numbers.Real) and math.isfinite(label):
            return None
        return f"{'no target' if label is None else f'target {quoted(label)}'}, expected a finite number"

    def target(self, label: float) -> float:
        return float(label)

    def decode(self, features: TaskFeatures, row_logits: Sequence[np.ndarray]) -> list[float]:
        """The number of each example."""
        return [float(logits[0]) for logits in row_logits]

    def scores(self, examples: Sequence[TextExample], predictions: Sequence[float]) -> dict[str, Any]:
        """See `regression_scores`."""
        return with_languages(regression_scores, self.main_score, [e.label for e in examples], predictions,
                              [e.language for e in examples])

    def head_bias(self, examples: Sequence[TextExample]) -> list[float]:
        """The mean target: a step of Adam moves a bias by the learning rate at most, so that from zero to 2.5 a
        short training would spend its updates on the way and bend the encoder for it."""
        return [float(np.mean([e.label for e in examples]))]

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import squared_error

        return squared_error(batch["labels"], logits[..., 0], ones(batch))

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Numbers are no probabilities: as `logit_loss`."""
        return self.logit_loss(batch, logits)

    def given_target(self, given: Given, softening: Softening) -> np.ndarray:
        return np.average([[answer["value"]] for answer in given], axis=0, weights=weights_of(given))

    def with_given(self, example: TextExample) -> TextExample:
        return dataclasses.replace(example, label=float(self.given_target(example.given or (), Softening())[0]),
                                   given=None)

    def same(self, one: float, other: float) -> bool:
        """Equal within 0.01."""
        return abs(one - other) <= SAME_NUMBER

    def distance(self, teacher: float, student: float) -> float:
        return 0.0 if self.same(teacher, student) else abs(teacher - student)

    def shown_answer(self, answer: Any) -> float:
        return round(float(answer), 4)

    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """Numbers within the tolerance."""
        return np.abs(np.concatenate(first) - np.concatenate(second)) <= tolerance

    def choices(self, logits: np.ndarray) -> None:
        return None
