"""Scores of multi-label classifiers, overall and per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAIN_SCORES = ("micro_f1", "macro_f1", "subset_accuracy")


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
