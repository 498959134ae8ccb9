"""Scores of tags: of the entities that they spell, and of words where they are no entities."""

from __future__ import annotations

import collections
import itertools
import random
import warnings
from collections.abc import Sequence
from typing import Any

Tags = Sequence[Sequence[str]]


def entity_scores(gold: Tags, predicted: Tags) -> dict[str, Any]:
    """Entity precision, recall and F1 by seqeval (strict IOB2: an `I-` without its `B-` is no entity).

    Args:
        gold, predicted: one tag per word and sentence.

    Returns:
        `f1`, `precision`, `recall` (micro-averaged over all sentences), `support` (gold entities) and
        `per_type` {type: {f1, precision, recall, support}}. All in [0, 1].
    """
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    if not any(tag != "O" for tags in gold for tag in tags):
        spurious = any(tag.startswith("B-") for tags in predicted for tag in tags)
        value = 0.0 if spurious else 1.0
        return {"f1": value, "precision": value, "recall": value, "support": 0, "per_type": {}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # types without predictions score 0, which the table shows
        report = classification_report([list(t) for t in gold], [list(t) for t in predicted],
                                       mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    total = _row(report.pop("micro avg"))
    averages = ("macro avg", "weighted avg")
    return total | {"per_type": {name: _row(row) for name, row in report.items() if name not in averages}}


def tag_scores(gold: Tags, predicted: Tags) -> dict[str, Any]:
    """Scores of tags that are no entities, such as parts of speech, by scikit-learn.

    Args:
        gold, predicted: one tag per word and sentence.

    Returns:
        `accuracy` over the words, `macro_f1` over the tags that occur in either, `support` (words) and `per_type`
        {tag: {f1, precision, recall, support}}. All in [0, 1].

    Raises:
        ValueError: a sentence has not as many tags in both.
    """
    from sklearn import metrics

    if [len(tags) for tags in gold] != [len(tags) for tags in predicted]:
        raise ValueError("Gold and predicted tags are of sentences of different lengths.")
    right, found = (list(itertools.chain.from_iterable(tags)) for tags in (gold, predicted))
    names = sorted({*right, *found})
    if not names:
        return {"accuracy": 0.0, "macro_f1": 0.0, "support": 0, "per_type": {}}
    columns = metrics.precision_recall_fscore_support(right, found, labels=names, average=None, zero_division=0)
    rows = {name: {"f1": float(f1), "precision": float(precision), "recall": float(recall), "support": int(support)}
            for name, precision, recall, f1, support in zip(names, *columns)}
    return {"accuracy": float(metrics.accuracy_score(right, found)), "macro_f1": float(columns[2].mean()),
            "support": len(right), "per_type": rows}


def exchanged_tags(gold: Tags) -> list[list[str]]:
    """For every sentence the tags of another one of about the same length, cut or filled up with `O`: as many entities
    as there are, and none at its place but by chance."""
    order = list(range(len(gold)))
    random.Random(0).shuffle(order)  # neighbours in a file may be alike
    order.sort(key=lambda number: len(gold[number]))
    found: list[list[str]] = [[] for _ in gold]
    for number, other in zip(order, order[1:] + order[:1]):
        length = len(gold[number])
        found[number] = [*gold[other][:length], *["O"] * (length - len(gold[other]))]
    return found


def most_frequent_tag(gold: Tags) -> list[list[str]]:
    """For every word of every sentence the most frequent tag."""
    counts = collections.Counter(itertools.chain.from_iterable(gold))
    return [[tag for tag, _ in counts.most_common(1)] * len(tags) for tags in gold]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {"f1": float(row["f1-score"]), "precision": float(row["precision"]),
            "recall": float(row["recall"]), "support": int(row["support"])}
