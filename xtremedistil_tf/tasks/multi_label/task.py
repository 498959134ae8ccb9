"""Multi-label classification of single texts and of pairs of texts: task, thresholds and scores."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.example import Given, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.multi_label.formats import COMMA, RAW_TEXT, Labels
from xtremedistil_tf.tasks.raw_text import TEXTS, LineFormat, text_of_line
from xtremedistil_tf.tasks.scores import KindWords, scores_named, with_languages
from xtremedistil_tf.tasks.targets import LEAST, Softening, weights_of
from xtremedistil_tf.tasks.task import TaskFeatures, check_main_score
from xtremedistil_tf.tasks.text_task import TextTask, ones
from xtremedistil_tf.training.batches import Column

if TYPE_CHECKING:
    import tensorflow as tf


MAIN_SCORES = ("micro_f1", "macro_f1", "subset_accuracy")
DEFAULT_THRESHOLD = 0.5
#: Dev examples with a label below which its threshold stays at 0.5: fewer would be learned by heart.
LEAST_POSITIVES = 5
# Logits beyond which probabilities say nothing more; also how far a cut is from the lowest logit.
_MOST_LOGIT, _BELOW_LOWEST = 15.0, 1.0
WORDS = KindWords(
    line="text, a tab, labels separated by commas, or none", line_example="Rain and wind today.<TAB>rain,wind",
    name="multi-label text classification", does="Chooses labels for a text: none, one or several.",
    scores={"micro_f1": "micro F1", **scores_named("macro_f1", "precision", "recall"),
            "subset_accuracy": "subset accuracy"},
    part="label", parts="Labels", decoded="labels", shows_labels=True,
    decoding_notes={"thresholds": "Each label has a threshold of its own, chosen for each model on the dev set."})


def multi_label_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]],
                       labels: Sequence[str]) -> dict[str, Any]:
    """Scores by scikit-learn.

    Args:
        gold, predicted: the labels of each example, in any order.
        labels: all labels, at least two.

    Returns:
        `micro_f1`, `precision`, `recall` (over all labels of all examples; 1 where there is neither a gold nor a
        predicted one); `macro_f1` (mean over the labels that occur in either; 1 where none does); `subset_accuracy`
        (share of the examples whose labels are all right and complete); `support` (number of examples); `per_type`
        {label: {f1, precision, recall, support}}. All in [0, 1], 0 where the formula divides by 0.
    """
    from sklearn import metrics

    right, found = indicators(gold, labels), indicators(predicted, labels)
    columns = metrics.precision_recall_fscore_support(right, found, average=None, zero_division=0)
    occurs = [number for number in range(len(labels)) if right[:, number].any() or found[:, number].any()]
    precision, recall, micro, _ = metrics.precision_recall_fscore_support(
        right, found, average="micro", zero_division=0 if occurs else 1)
    macro = float(columns[2][occurs].mean()) if occurs else 1.0
    per_type = {label: {"f1": float(f1), "precision": float(precise), "recall": float(recalled),
                        "support": int(support)}
                for label, precise, recalled, f1, support in zip(labels, *columns)}
    return {"micro_f1": float(micro), "macro_f1": macro,
            "subset_accuracy": float(metrics.accuracy_score(right, found)), "precision": float(precision),
            "recall": float(recall), "support": len(gold), "per_type": per_type}


def indicators(rows: Sequence[Sequence[str]], labels: Sequence[str]) -> Any:
    """int64 [examples, labels], 1 for the labels of each example; those that are not among `labels` are left out."""
    import numpy as np

    table, number_of = np.zeros((len(rows), len(labels)), np.int64), {label: i for i, label in enumerate(labels)}
    for number, row in enumerate(rows):
        table[number, [number_of[label] for label in row if label in number_of]] = 1
    return table


def cutoffs(thresholds: Sequence[float], count: int) -> np.ndarray:
    """float32 [labels], the logits of thresholds: with these the comparison is the same in every runtime, whatever its
    sigmoid rounds to.

    Args:
        thresholds: a probability for each label, or none: 0.5 for all.
        count: number of labels.
    """
    shares = np.asarray(thresholds if len(thresholds) else [DEFAULT_THRESHOLD] * count, np.float64)
    return np.log(shares / (1 - shares)).astype(np.float32)


def best_thresholds(gold: np.ndarray, logits: np.ndarray) -> tuple[float, ...]:
    """For each label the probability with the best F1 on these examples; of equal ones the closest to 0.5.

    Cuts lie in the middle between two neighbouring logits. A label with fewer than `LEAST_POSITIVES` examples keeps
    0.5.

    Args:
        gold: int [examples, labels], 1 where an example has the label.
        logits: float32 [examples, labels].
    """
    found = []
    for right, values in zip(gold.T, np.asarray(logits, np.float64).T):
        cut = _best_cut(right, values) if right.sum() >= LEAST_POSITIVES else 0.0
        found.append(float(1 / (1 + np.exp(-np.clip(cut, -_MOST_LOGIT, _MOST_LOGIT)))))
    return tuple(found)


def _best_cut(right: np.ndarray, values: np.ndarray) -> float:
    order = np.argsort(-values, kind="stable")
    right, values = right[order], values[order]
    hits = np.cumsum(right)
    # F1 if the first k values are above the cut. There is no cut between equal values.
    f1 = 2 * hits / (np.arange(1, len(values) + 1) + hits[-1])
    following = np.append(values[1:], values[-1] - _BELOW_LOWEST)
    f1[values == following] = -1
    # 0, the cut of 0.5, where it parts the values in the same way as the middle would.
    cuts = np.where((values >= 0) & (following < 0), 0.0, (values + following) / 2)
    best = np.flatnonzero(f1 == f1.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best]))]])


def _answer_line(_: TextExample, answer: Labels) -> str:
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
    lines = LineFormat(text_of_line, _answer_line, TEXTS, "label,label<TAB>probability,probability")
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

    def blind_answers(self, examples: Sequence[TextExample]) -> list[list[Labels]]:
        """The most frequent labels of a text, the most frequent label, and all labels."""
        gold: list[Any] = [example.label for example in examples]
        single = collections.Counter(label for labels in gold for label in labels)
        found = {collections.Counter(gold).most_common(1)[0][0], tuple(label for label, _ in single.most_common(1)),
                 tuple(self.labels)}
        return [[Labels(labels, {})] * len(examples) for labels in found]

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

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Binary cross-entropy with the teacher's probabilities, the mean over the labels."""
        import tensorflow as tf

        from xtremedistil_tf.training.losses import weighted_mean

        shares = tf.sigmoid(tf.cast(batch["teacher_logits"], tf.float32))
        losses = tf.nn.sigmoid_cross_entropy_with_logits(shares, tf.cast(logits, tf.float32))
        return weighted_mean(tf.reduce_mean(losses, -1), ones(batch))

    def given_target(self, given: Given, softening: Softening) -> np.ndarray:
        """Log-odds of the labels."""
        shares = np.average([[self._given_share(answer, label, softening) for label in self.labels]
                             for answer in given], axis=0, weights=weights_of(given))
        return np.log(np.maximum(shares, LEAST)) - np.log(np.maximum(1 - shares, LEAST))

    def _given_share(self, answer: Mapping[str, Any], label: str, softening: Softening) -> float:
        if "scores" in answer:
            return softening.sure(answer["scores"].get(label, 0.0))
        return 1 - softening.smoothing / 2 if label in answer["labels"] else softening.smoothing / 2

    def with_given(self, example: TextExample) -> TextExample:
        odds = self.given_target(example.given or (), Softening())
        return dataclasses.replace(example, label=tuple(name for name, value in zip(self.labels, odds) if value > 0),
                                   given=None)

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
        return {"name": self.decoding_name, "thresholds": self.thresholds or [DEFAULT_THRESHOLD] * len(self.labels),
                "logits": self.cutoffs.tolist()}


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """float32"""
    return (1 / (1 + np.exp(-np.asarray(logits, np.float32)))).astype(np.float32)
