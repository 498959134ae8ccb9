"""Scores of each language, how sure logits are, and the words that people read about a kind of task."""

from __future__ import annotations

import dataclasses
import statistics
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

#: What scores are called where the kind of task is not known.
SCORES: Mapping[str, str] = types.MappingProxyType({
    "f1": "F1", "precision": "precision", "recall": "recall", "exact_match": "exact match", "accuracy": "accuracy",
    "macro_f1": "macro F1", "matthews": "Matthews correlation", "pearson": "Pearson correlation",
    "spearman": "Spearman correlation"})


def scores_named(*keys: str, **others: str) -> dict[str, str]:
    """Names of scores by key, in the order of tables: those of `keys` as everywhere, `others` with names of their
    own."""
    return others | {key: SCORES[key] for key in keys}


@dataclasses.dataclass(frozen=True)
class KindWords:
    """Attributes:
        name: of the kind, in the model card.
        pipeline_tag: of the Hugging Face hub.
        does: what a model does, as the title of the local page.
        example: a Python expression of `xd` that makes an example.
        scores: names of the scores that are shares, in the order of tables.
        other_scores: names of those that are no shares.
        items: what examples are called, in the plural.
        agreed: what a share of agreement is of.
        confused: what a confusion matrix counts.
        part, parts: what scores of `per_type` are for, and the title of their section.
        counted: what `support` counts there.
        long_texts: what happens to inputs that are longer than in training.
        chosen: which of the disagreements are shown.
        decoded: what is chosen from logits.
        note: below the scores; `{support}` stands for the student's support.
        decoding_notes: what follows it, by `decoding` of the metrics.
        shows_labels: whether the labels are named in the model card.
        line, line_example: what a line of a labelled file holds, and such a line, with `<TAB>`.
        transfer_line: what a line of transfer text holds.
        seq_len: subwords that texts of this kind often need.
    """

    name: str = ""
    pipeline_tag: str = "text-classification"
    does: str = ""
    example: str = 'TextExample("a fine film")'
    scores: Mapping[str, str] = dataclasses.field(default_factory=lambda: SCORES)
    other_scores: Mapping[str, str] = dataclasses.field(default_factory=dict)
    items: str = "examples"
    agreed: str = "examples answered"
    confused: str = "examples by class"
    part: str = "class"
    parts: str = "Classes"
    counted: str = "examples"
    long_texts: str = "longer ones are cut where the student has a maximum"
    chosen: str = "spread evenly over them"
    decoded: str = "answers"
    note: str = ""
    decoding_notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    shows_labels: bool = False
    line: str = ""
    line_example: str = ""
    transfer_line: str = "a text a line"
    seq_len: int = 64


def with_languages(score: Callable[[list[Any], list[Any]], dict[str, Any]], main: str, gold: Sequence[Any],
                   predicted: Sequence[Any], languages: Sequence[str | None]) -> dict[str, Any]:
    """Scores all examples, and those of each known language apart.

    Args:
        score: (gold, predicted) -> scores.
        main: the key of the score that is averaged over languages.
        gold, predicted: one item per example.
        languages: of each example, None where unknown.

    Returns:
        The scores; where languages are known also `per_language` {language: scores with `sentences`},
        `mean_<main>` and `std_<main>` (population standard deviation, as the papers' tables have it).
    """
    scores = score(list(gold), list(predicted))
    known = sorted({language for language in languages if language})
    if known:
        per_language = {}
        for language in known:
            rows = [i for i, other in enumerate(languages) if other == language]
            part = score([gold[i] for i in rows], [predicted[i] for i in rows])
            part.pop("per_type", None)
            per_language[language] = part | {"sentences": len(rows)}
        values = [part[main] for part in per_language.values()]
        scores |= {"per_language": per_language, f"mean_{main}": statistics.fmean(values),
                   f"std_{main}": statistics.pstdev(values)}
    return scores


def softmax(logits: np.ndarray) -> np.ndarray:
    """float64 [choices of one answer or of several, 2 axes] of logits with or without the first axis."""
    powers = np.exp(np.atleast_2d(logits - logits.max(-1, keepdims=True)).astype(np.float64))
    return powers / powers.sum(-1, keepdims=True)


def top_probabilities(logits: np.ndarray) -> np.ndarray:
    """float32, the largest of the softmax over the last axis."""
    logits = logits.astype(np.float32)
    return 1 / np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)


def sums(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """float64 [examples], sums of the values of each, which stand one after the other."""
    totals = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.cumsum(lengths)
    return totals[ends] - totals[ends - lengths]


def stacked(logits: Sequence[np.ndarray]) -> np.ndarray:
    """float32 [examples, most places, 2], -inf beyond the places of each."""
    table = np.full((len(logits), max(map(len, logits)), 2), -np.inf, np.float32)
    for row, values in zip(table, logits):
        row[: len(values)] = values
    return table
