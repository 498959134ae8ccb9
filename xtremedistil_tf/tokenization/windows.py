"""Cutting a long sentence into overlapping windows so that every word is seen with context on both sides."""

from __future__ import annotations

import dataclasses

import numpy as np

from xtremedistil_tf.tokenization.words import EncodedWords


@dataclasses.dataclass(frozen=True)
class Window:
    """Pieces [start, stop) of a sentence; `answers` are positions (in the sentence's pieces) of the
    first pieces of those words whose tag is read from this window."""

    start: int
    stop: int
    answers: np.ndarray


def cut_windows(encoded: EncodedWords, max_pieces: int | None) -> list[Window]:
    """Covers a sentence with windows of at most `max_pieces` pieces, half a window apart.

    Windows begin at word starts. A word is answered by the window in which it lies farthest from a
    cut. A word of more pieces than a window is cut; its first piece is still seen.
    """
    starts = np.flatnonzero(encoded.word_starts)
    total = len(encoded.ids)
    if max_pieces is None or total <= max_pieces:
        return [Window(0, total, starts)]
    spans = _spans(starts, total, max_pieces)
    best_window = np.zeros(len(starts), np.int64)
    best_margin = np.full(len(starts), -1.0)
    for index, (begin, end) in enumerate(spans):
        left = np.where(begin == 0, np.inf, starts - begin)
        right = np.where(end == total, np.inf, end - 1 - starts)
        margin = np.where((starts >= begin) & (starts < end), np.minimum(left, right), -1)
        better = margin > best_margin
        best_window[better], best_margin[better] = index, margin[better]
    return [Window(begin, end, starts[best_window == index]) for index, (begin, end) in enumerate(spans)]


def _spans(starts: np.ndarray, total: int, max_pieces: int) -> list[tuple[int, int]]:
    ends = np.append(starts[1:], total)
    spans, begin = [], 0
    while True:
        fitting = ends[(ends > begin) & (ends <= begin + max_pieces)]
        end = int(fitting[-1]) if len(fitting) else begin + max_pieces
        spans.append((begin, end))
        if end >= total:
            return spans
        later = starts[starts >= begin + max(1, max_pieces // 2)]
        following = int(later[0]) if len(later) else total
        if following > end:  # nothing may be skipped: go on at the first word that this window cut off
            beyond = starts[starts >= end]
            following = int(beyond[0]) if len(beyond) else total
        if following >= total:
            return spans
        begin = following
