"""Spans against trying them all, entities against seqeval."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Tokens

from xtremedistil_tf.corpus.example import Answer
from xtremedistil_tf.tasks.question_answering.answers import NOWHERE, best_span, pieces_of_answer
from xtremedistil_tf.tasks.tagging.decoding import entities

SCORES = st.lists(st.tuples(*[st.one_of(st.integers(-5, 5), st.just(-np.inf))] * 2), max_size=12)


@given(SCORES, st.integers(1, 14))
def test_best_span(scores, longest):
    starts, ends = np.array(scores, np.float32).reshape(-1, 2).T
    spans = [(starts[i] + ends[j], i - j, -i) for i in range(len(starts)) for j in range(i, len(ends))
             if j - i < longest and np.isfinite(starts[i] + ends[j])]
    found = best_span(starts, ends, longest)
    assert (found is None) == (not spans)
    if spans:
        score, shortness, earliness = max(spans)
        assert found == (-earliness, -earliness - shortness, score)


def test_pieces_of_answer():
    # The last but one are two bytes of one character; the last holds the space before it.
    offsets = np.array([[0, 4], [4, 5], [6, 9], [10, 11], [10, 11], [11, 14]])
    for start, text, expected in ((0, "anna", (0, 0)), (2, "nas m", (0, 2)), (6, "m", (2, 2)), (5, " ", NOWHERE),
                                  (5, " met 北", (2, 4)), (10, "北", (3, 4)), (10, "北 ", (3, 4)),
                                  (11, " x", (5, 5)), (14, "x", NOWHERE)):
        assert pieces_of_answer(offsets, (Answer(text, start), Answer("other", 0))) == expected
    assert pieces_of_answer(offsets, ()) == NOWHERE
    assert pieces_of_answer(np.zeros((0, 2), int), (Answer("x", 0),)) == NOWHERE


IOB2_LABELS = ["O", "B-LOC", "I-LOC", "I-PER", "B-PER", "B-a-b-", "I-a-b", "B--", "I-X"]


@given(st.lists(st.sampled_from(IOB2_LABELS), max_size=15), st.booleans())
@example(["I-PER", "B-PER", "I-PER", "I-LOC", "I-LOC", "B-LOC", "B-LOC"], True)
def test_iob2_entities_are_those_of_the_scores(tags, all_labels):
    labels = IOB2_LABELS if all_labels else sorted(set(tags))
    wanted = [(e.tag, e.start, e.end - 1) for e in Tokens(tags, IOB2).entities]
    assert entities(tags, labels) == wanted


@given(st.lists(st.sampled_from(["O", "NOUN", "VERB", "B-LOC", "I-LOC"]), max_size=15))
def test_other_entities_are_runs_of_one_label(tags):
    wanted, first = [], 0
    for tag, run in itertools.groupby(tags):
        last = first + len(list(run)) - 1
        wanted += [(tag, first, last)] if tag != "O" else []
        first = last + 1
    assert entities(tags, ["VERB", "NOUN", "O", "B-LOC", "I-LOC"]) == wanted
