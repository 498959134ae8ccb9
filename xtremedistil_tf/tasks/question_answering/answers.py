"""Answers to questions: spans of subwords, and scores by the rules that SQuAD publishes."""

from __future__ import annotations

import collections
import re
import statistics
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from xtremedistil_tf.corpus.example import Answer

NOWHERE = (-1, -1)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


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


def answer_scores(gold: Sequence[Sequence[str]], predicted: Sequence[str]) -> dict[str, Any]:
    """Exact match and F1 as SQuAD's evaluation program counts them (that of version 2.0).

    Answers are compared in lower case, without ASCII punctuation, English articles and superfluous white
    space. The same is done in every language, also where `a` or `the` are no articles, because XQuAD and
    other data sets in SQuAD's form are measured so. F1 is that of the white-space words two answers share.

    Args:
        gold: the right answers of each question, the best of which counts; none: the context has no
            answer, and the prediction is right if and only if it is empty.
        predicted: the answer to each question, empty for "no answer".

    Returns:
        `exact_match`, `f1` (means, in [0, 1]) and `support` (number of questions). Where some questions have
        no answer also `no_answer_exact`, `no_answer_f1`, `no_answer_support` of those, and
        `has_answer_exact`, `has_answer_f1`, `has_answer_support` of the others, if there are any.
    """
    each = [(bool(answers), *_best(answers, prediction)) for answers, prediction in zip(gold, predicted)]
    exact, f1 = _means(each)
    scores = {"exact_match": exact, "f1": f1, "support": len(each)}
    if any(not answered for answered, _, _ in each):
        for name, wanted in (("no_answer", False), ("has_answer", True)):
            if part := [row for row in each if row[0] == wanted]:
                exact, f1 = _means(part)
                scores |= {f"{name}_exact": exact, f"{name}_f1": f1, f"{name}_support": len(part)}
    return scores


def normalized(answer: str) -> str:
    """The answer as it is compared."""
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def _means(rows: Sequence[tuple[bool, bool, float]]) -> tuple[float, float]:
    return statistics.fmean(row[1] for row in rows), statistics.fmean(row[2] for row in rows)


def _best(answers: Sequence[str], prediction: str) -> tuple[bool, float]:
    """Exact match and F1 with the best of the right answers."""
    found = normalized(prediction)
    # As in the published program, an answer of articles and punctuation only is none.
    right = [text for text in map(normalized, answers) if text] or [""]
    return found in right, max(_f1(text.split(), found.split()) for text in right)


def _f1(gold: list[str], predicted: list[str]) -> float:
    if not gold or not predicted:
        return float(gold == predicted)
    common = (collections.Counter(gold) & collections.Counter(predicted)).total()
    return 2 * common / (len(gold) + len(predicted))
