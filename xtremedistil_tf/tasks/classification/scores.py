"""Scores of classifiers, overall and per class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

MAIN_SCORES = ("accuracy", "macro_f1", "matthews", "f1")


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
