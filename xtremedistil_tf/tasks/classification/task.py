"""Classification of single texts and of pairs of texts: task and scores."""

from __future__ import annotations

import collections
import dataclasses
import functools
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import Given, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.tasks.classification.formats import RAW_TEXT
from xtremedistil_tf.tasks.raw_text import TEXTS, LineFormat, text_of_line
from xtremedistil_tf.tasks.scores import KindWords, scores_named, softmax, top_probabilities, with_languages
from xtremedistil_tf.tasks.targets import Softening, averaged, class_probabilities, logs, weights_of
from xtremedistil_tf.tasks.task import TaskFeatures, check_main_score
from xtremedistil_tf.tasks.text_task import TextTask, ones
from xtremedistil_tf.training.batches import Column

if TYPE_CHECKING:
    import tensorflow as tf


MAIN_SCORES = ("accuracy", "macro_f1", "matthews", "f1")
WORDS = KindWords(name="text classification", does="Chooses a label for a text.",
                  line="text, a tab, a label (with `do_pairwise`: text<TAB>text<TAB>label)",
                  line_example="Great film.<TAB>positive",
                  scores=scores_named("f1", "accuracy", "macro_f1", "matthews"), shows_labels=True)


def class_scores(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Scores by scikit-learn.

    Args:
        gold, predicted: the class of each example.
        labels: all classes.

    Returns:
        `accuracy`; `macro_f1` (over the classes that occur in either); `matthews` (correlation
        coefficient, in [-1, 1], 0 where either is constant); `support` (number of examples); `per_type`
        {class: {f1, precision, recall, support}}; with two classes also `f1`, that of the second. All
        others in [0, 1], 0 where the formula divides by 0.
    """
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that do not occur, which score 0 or are left out
        columns = metrics.precision_recall_fscore_support(gold, predicted, labels=list(labels),
                                                          zero_division=0)
        overall = {"accuracy": float(metrics.accuracy_score(gold, predicted)),
                   "macro_f1": float(metrics.f1_score(gold, predicted, average="macro", zero_division=0)),
                   "matthews": float(metrics.matthews_corrcoef(gold, predicted))}
    per_type = {label: {"f1": float(f1), "precision": float(precision), "recall": float(recall),
                        "support": int(support)}
                for label, precision, recall, f1, support in zip(labels, *columns)}
    positive = {"f1": per_type[labels[1]]["f1"]} if len(labels) == 2 else {}
    return overall | positive | {"support": len(gold), "per_type": per_type}


@dataclasses.dataclass(frozen=True, eq=False)
class ClassPrediction:
    """Attributes:
        label: the most probable class.
        probabilities: float32 [classes], in the order of the task's labels.
    """

    label: str
    probabilities: np.ndarray


class ClassificationTask(TextTask):
    """One class for a text or a pair of texts.

    Args:
        labels: names of the classes. Of two, the second is the positive one.
        main_score: `accuracy`, `macro_f1`, `matthews` (CoLA) or, with two classes, `f1` of the positive
            class (MRPC, QQP).

    Raises:
        ConfigError: there is no such score.
    """

    kind = "classification"
    words = WORDS
    lines = LineFormat(text_of_line, lambda _, p: f"{p.label}\t{p.probabilities.max():.4f}", TEXTS,
                       "label<TAB>probability")
    raw_text = RAW_TEXT

    def __init__(self, labels: Sequence[str], main_score: str = "accuracy"):
        super().__init__(labels)
        possible = [name for name in MAIN_SCORES if name != "f1" or len(self.labels) == 2]
        self.main_score = check_main_score(main_score, possible)
        self._index = {label: i for i, label in enumerate(self.labels)}

    @property
    def label_columns(self) -> dict[str, Column]:
        return {"labels": Column(np.int32, per_piece=False)}

    def label_problem(self, label: Any) -> str | None:
        if label in self._index:
            return None
        found = "no label" if label is None else f"label {quoted(label)}"
        return f"{found}, expected one of {quoted(', '.join(self.labels))}"

    def target(self, label: str) -> int:
        return self._index[label]

    def decode(self, features: TaskFeatures, row_logits: Sequence[np.ndarray]) -> list[ClassPrediction]:
        """The most probable class of each example, the first of equal ones."""
        return [ClassPrediction(self.labels[np.argmax(logits)], _softmax(logits)) for logits in row_logits]

    def scores(self, examples: Sequence[TextExample],
               predictions: Sequence[ClassPrediction]) -> dict[str, Any]:
        """See `class_scores`."""
        return with_languages(functools.partial(class_scores, labels=self.labels), self.main_score,
                              [e.label for e in examples], [p.label for p in predictions],
                              [e.language for e in examples])

    def blind_answers(self, examples: Sequence[TextExample]) -> list[list[ClassPrediction]]:
        """The most frequent class, and the positive one of two."""
        gold: list[Any] = [example.label for example in examples]
        frequent = collections.Counter(gold).most_common(1)[0][0]
        return [[ClassPrediction(label, np.zeros(0, np.float32))] * len(examples)
                for label in {frequent, self.labels[-1]}]

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import label_loss

        return label_loss(batch["labels"], logits, ones(batch))

    def given_target(self, given: Given, softening: Softening) -> np.ndarray:
        rows = [class_probabilities(answer, self.labels, softening) for answer in given]
        return logs(averaged(rows, weights_of(given)))

    def says_something(self, example: TextExample, softening: Softening) -> bool:
        return any(class_probabilities(answer, self.labels, softening).any() for answer in example.given or ())

    def with_given(self, example: TextExample) -> TextExample:
        best = self.given_target(example.given or (), Softening()).argmax()
        return dataclasses.replace(example, label=self.labels[best], given=None)

    def same(self, one: Any, other: Any) -> bool:
        return bool(one.label == other.label)

    def confusion_pairs(self, examples: Sequence[TextExample],
                        predictions: Sequence[Any]) -> Iterable[tuple[str, str]]:
        return ((str(example.label), answer.label) for example, answer in zip(examples, predictions, strict=True))

    def shown_answer(self, answer: Any) -> str:
        return str(getattr(answer, "label", answer))

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The top probability."""
        return top_probabilities(np.stack(logits)) if len(logits) else super().confidence(logits)

    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """The same class."""
        return np.stack(first).argmax(1) == np.stack(second).argmax(1)

    def choices(self, logits: np.ndarray) -> np.ndarray:
        return softmax(logits)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(np.asarray(logits, np.float32) - np.max(logits))
    return powers / powers.sum()
