"""How sure logits are: what the kinds of tasks have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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
