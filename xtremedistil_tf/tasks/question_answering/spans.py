"""Answers as spans of pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xtremedistil_tf.corpus.example import Answer

NOWHERE = (-1, -1)


class Span(NamedTuple):
    """First and last piece, and the sum of their scores."""

    first: int
    last: int
    score: float


def pieces_of_answer(offsets: np.ndarray, answers: Sequence[Answer]) -> tuple[int, int]:
    """First and last piece that share a character with the first of the answers, white space around it aside.

    Args:
        offsets: int [pieces, 2], first character of each piece and the one after its last.
        answers: right answers.

    Returns:
        Two indices, or `NOWHERE` if there is no answer or no piece of it.
    """
    if not answers:
        return NOWHERE
    text = answers[0].text
    # SentencePiece counts the space before a word into its piece: one after the answer is the next word's.
    begin, end = answers[0].start + len(text) - len(text.lstrip()), answers[0].start + len(text.rstrip())
    inside = np.flatnonzero((offsets[:, 1] > begin) & (offsets[:, 0] < end))
    return (int(inside[0]), int(inside[-1])) if len(inside) else NOWHERE


def best_span(starts: np.ndarray, ends: np.ndarray, longest: int) -> Span | None:
    """The span of at most `longest` pieces with the highest sum of scores, the shorter and earlier of equals.

    Args:
        starts, ends: float [pieces], scores as first and as last piece; -inf where it cannot be.

    Returns:
        None if there is no span that can be.
    """
    best = None
    for width in range(min(longest, len(starts))):
        sums = starts[: len(starts) - width] + ends[width:]
        first = int(np.argmax(sums))
        if sums[first] > (best.score if best else -np.inf):
            best = Span(first, first + width, float(sums[first]))
    return best
