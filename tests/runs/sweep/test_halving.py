"""Successive halving: who goes on, and how many runs that makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.runs.sweep.candidates import kept_count, planned, share_of, survivors

ROUND = st.lists(st.tuples(st.integers(0, 9), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1,
                                                       max_size=3)), min_size=1, max_size=12)
KEEP = st.floats(0.01, 1.0)


def beaten(score, form, others):
    return any(s >= score and all(a <= b for a, b in zip(f, form)) and (s > score or f != form)
               for s, forms in others for f in forms)


@given(ROUND, KEEP)
def test_no_student_of_the_front_is_lost(students, keep):
    scores = {str(i): score for i, (score, _) in enumerate(students)}
    costs = {str(i): forms for i, (_, forms) in enumerate(students)}
    kept = survivors(scores, costs, keep)
    front = {str(i) for i, (score, forms) in enumerate(students)
             if not all(beaten(score, form, students) for form in forms)}
    assert front <= set(kept)
    assert len(kept) == max(len(front), kept_count(len(students), keep))
    assert kept == [name for name in scores if name in kept]
    for name in set(kept) - front:  # the others are the best of those off the front
        assert all(scores[name] >= scores[dropped] for dropped in set(scores) - set(kept))


def test_small_students_survive_large_ones():
    scores = {"small": 0.50, "medium": 0.55, "bad": 0.40, "large": 0.90}
    costs = {"small": [(1.0,)], "medium": [(2.0,)], "bad": [(3.0,)], "large": [(9.0,)]}
    assert survivors(scores, costs, 0.01) == ["small", "medium", "large"]
    assert survivors(scores, costs, 1.0) == list(scores)


def test_one_cheap_form_is_enough():
    scores = {"a": 0.9, "b": 0.8}
    assert survivors(scores, {"a": [(5.0, 5.0)], "b": [(6.0, 6.0), (6.0, 1.0)]}, 0.01) == ["a", "b"]
    assert survivors(scores, {"a": [(5.0, 5.0)], "b": [(6.0, 6.0)]}, 0.01) == ["a"]


@pytest.mark.parametrize("count, keep, expected", [(9, 0.33, 3), (3, 0.33, 1), (10, 0.5, 5), (5, 0.5, 3), (1, 0.1, 1),
                                                   (100, 0.07, 7)])
def test_how_many_go_on(count, keep, expected):
    assert kept_count(count, keep) == expected


def test_the_plan_has_every_run_with_its_share():
    assert planned(4, 3, 0.5) == [0.25] * 4 + [0.5] * 2 + [1.0]
    assert planned(4, 1, 0.5) == [1.0] * 4
    assert planned(1, 3, 0.5) == [1.0]  # alone, a student has nobody to be compared with
    assert planned(2, 3, 0.5) == [0.25] * 2 + [1.0]


@given(st.integers(1, 30), st.integers(1, 5), KEEP)
def test_the_plan_is_what_happens_when_nobody_but_the_best_is_on_the_front(count, rounds, keep):
    alive, runs = [str(i) for i in range(count)], []
    for after in range(rounds - 1, 0, -1):
        if len(alive) > 1:
            runs += [share_of(after, keep)] * len(alive)
            alive = survivors({name: -int(name) for name in alive}, {name: [(0.0,)] for name in alive}, keep)
    assert planned(count, rounds, keep) == runs + [1.0] * len(alive)
