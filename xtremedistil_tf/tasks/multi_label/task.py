"""Multi-label classification of single texts and of pairs of texts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.checks import check_main_score
from xtremedistil_tf.tasks.languages import with_languages
from xtremedistil_tf.tasks.lines import TEXTS, LineFormat, text_of_line
from xtremedistil_tf.tasks.multi_label.files import COMMA
from xtremedistil_tf.tasks.multi_label.raw_text import RAW_TEXT, Labels
from xtremedistil_tf.tasks.multi_label.scores import MAIN_SCORES, indicators, multi_label_scores
from xtremedistil_tf.tasks.multi_label.thresholds import DEFAULT, best_thresholds, cutoffs
from xtremedistil_tf.tasks.task import TaskFeatures
from xtremedistil_tf.tasks.text_task import TextTask, ones
from xtremedistil_tf.tasks.words import KindWords, scores_named

if TYPE_CHECKING:
    import tensorflow as tf


WORDS = KindWords(
    line="text, a tab, labels separated by commas, or none", line_example="Rain and wind today.<TAB>rain,wind",
    name="multi-label text classification", does="Chooses labels for a text: none, one or several.",
    scores={"micro_f1": "micro F1", **scores_named("macro_f1", "precision", "recall"),
            "subset_accuracy": "subset accuracy"},
    part="label", parts="Labels", decoded="labels", shows_labels=True,
    decoding_notes={"thresholds": "Each label has a threshold of its own, chosen for each model on the dev set."})


def _shown(_: TextExample, answer: Labels) -> str:
    return f"{COMMA.join(answer.labels)}\t{COMMA.join(f'{answer.probabilities[name]:.4f}' for name in answer)}"


class MultiLabelTask(TextTask):
    """None, one or several labels for a text or a pair of texts.

    Args:
        labels: names of the labels, at least two, without commas.
        main_score: `micro_f1`, `macro_f1` or `subset_accuracy`.
        thresholds: of each label, the probability from which on it is given; none: 0.5 for all. See `calibrated`.

    Raises:
        ConfigError: there is no such score, or labels or thresholds are not what they should be.
    """

    kind = "multi_label"
    problem_type = "multi_label_classification"
    words = WORDS
    lines = LineFormat(text_of_line, _shown, TEXTS, "label,label<TAB>probability,probability")
    raw_text = RAW_TEXT
    decoding_name = "thresholds"

    def __init__(self, labels: Sequence[str], main_score: str = "micro_f1", thresholds: Sequence[float] = ()):
        super().__init__(labels)
        self.main_score = check_main_score(main_score, MAIN_SCORES)
        if len(self.labels) < 2:
            raise ConfigError(f"Multi-label classification has at least two labels, found {len(self.labels)}: "
                              f"{quoted(', '.join(self.labels))}. For one use `task_kind=classification` with two "
                              "classes.")
        if bad := [label for label in self.labels if COMMA in label]:
            raise ConfigError(f"The label {quoted(bad[0])} contains a comma, which separates labels. Rename it.")
        self.thresholds = [float(threshold) for threshold in thresholds]
        if self.thresholds and not (len(self.thresholds) == len(self.labels) and all(
                0 < threshold < 1 for threshold in self.thresholds)):
            raise ConfigError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels: expected a "
                              "probability between 0 and 1 for each label.")
        self._known = set(self.labels)

    @property
    def cutoffs(self) -> np.ndarray:
        """float32 [labels], the logits from which on labels are given."""
        return cutoffs(self.thresholds, len(self.labels))

    @property
    def label_columns(self) -> dict[str, Column]:
        return {"labels": Column(np.float32, (len(self.labels),), per_piece=False)}

    def label_problem(self, label: Any) -> str | None:
        if not isinstance(label, tuple):
            return f"{'no labels' if label is None else f'label {quoted(label)}'}, expected a tuple of labels"
        if unknown := [name for name in label if name not in self._known]:
            return f"label {quoted(unknown[0])}, expected some of {quoted(', '.join(self.labels))}"
        return None

    def target(self, label: tuple[str, ...]) -> np.ndarray:
        """float32 [labels], 1 for the example's."""
        return indicators([label], self.labels)[0].astype(np.float32)

    def decode(self, features: TaskFeatures, row_logits: Sequence[np.ndarray]) -> list[Labels]:
        """The labels whose logit reaches the one of their threshold."""
        least, answers = self.cutoffs, []
        for logits in row_logits:
            given, shares = np.flatnonzero(logits >= least), _sigmoid(logits)
            names = tuple(self.labels[number] for number in given)
            answers.append(Labels(names, dict(zip(self.labels, shares.tolist()))))
        return answers

    def calibrated(self, dev: Sequence[TextExample], logits: Callable[[], Sequence[np.ndarray]]) -> MultiLabelTask:
        """The task with the thresholds that are best for these logits, see `best_thresholds`."""
        if not dev:
            return self
        gold = self._indicators(dev)
        return MultiLabelTask(self.labels, self.main_score, best_thresholds(gold, np.stack(logits())))

    def _indicators(self, examples: Sequence[Any]) -> np.ndarray:
        """int64 [examples, labels], 1 for the labels of each example."""
        return indicators([example.label for example in examples], self.labels)

    def scores(self, examples: Sequence[TextExample], predictions: Sequence[Any]) -> dict[str, Any]:
        """See `multi_label_scores`."""
        return with_languages(functools.partial(multi_label_scores, labels=self.labels), self.main_score,
                              [e.label for e in examples], [p.labels for p in predictions],
                              [e.language for e in examples])

    def head_bias(self, examples: Sequence[TextExample]) -> list[float]:
        """The log-odds of each label's share of the examples: most labels are rare, and from zero a short training
        would spend its updates on learning just that."""
        counts = self._indicators(examples).sum(0)
        return np.log((counts + 1) / (len(examples) - counts + 1)).tolist()

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Binary cross-entropy, the mean over the labels: so a learning rate that fits two labels fits two hundred, as
        with Keras' `BinaryCrossentropy` and transformers' multi-label loss."""
        import tensorflow as tf

        from xtremedistil_tf.training.losses import weighted_mean

        losses = tf.nn.sigmoid_cross_entropy_with_logits(batch["labels"], tf.cast(logits, tf.float32))
        return weighted_mean(tf.reduce_mean(losses, -1), ones(batch))

    def same(self, one: Labels, other: Labels) -> bool:
        """The same labels."""
        return set(one.labels) == set(other.labels)

    def shown_answer(self, answer: Any) -> str:
        return ", ".join(getattr(answer, "labels", answer)) or "(no label)"

    def confidence(self, logits: Sequence[np.ndarray]) -> np.ndarray:
        """The probability of the least sure decision on a label."""
        if not len(logits):
            return super().confidence(logits)
        return np.asarray(_sigmoid(np.abs(np.stack(logits))).min(1), np.float32)

    def same_logits(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray], tolerance: float) -> np.ndarray:
        """The same labels."""
        least = self.cutoffs
        return np.asarray(((np.stack(first) >= least) == (np.stack(second) >= least)).all(1))

    def choices(self, logits: np.ndarray) -> np.ndarray:
        """Whether each label is given, or is not."""
        shares = 1 / (1 + np.exp(-logits.astype(np.float64)))
        return np.stack([shares, 1 - shares], -1)

    def decoding_facts(self) -> dict[str, Any]:
        """`thresholds`, of each label the probability from which on it is given, and `logits`, the same as logits."""
        return {"name": self.decoding_name, "thresholds": self.thresholds or [DEFAULT] * len(self.labels),
                "logits": self.cutoffs.tolist()}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """float32"""
    return (1 / (1 + np.exp(-np.asarray(logits, np.float32)))).astype(np.float32)
