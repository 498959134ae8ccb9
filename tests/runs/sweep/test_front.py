"""The Pareto front, against other ways to find it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.runs.sweep.candidates import on_front

# Few values, so that there are ties.
PLANE = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25)
SPACE = st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=25)


@given(PLANE)
def test_in_a_plane_it_is_what_a_sweep_from_left_to_right_finds(points):
    best_by_x = {x: min(b for a, b in points if a == x) for x, _ in points}
    front, lowest = set(), float("inf")
    for x in sorted(best_by_x):
        if best_by_x[x] < lowest:
            lowest = best_by_x[x]
            front.add((x, lowest))
    assert on_front(points) == [point in front for point in points]


@given(SPACE)
def test_whoever_is_left_out_is_beaten_by_one_who_is_not(points):
    found = on_front(points)
    front = {point for point, is_on in zip(points, found) if is_on}
    assert bool(front) == bool(points)
    for point, is_on in zip(points, found):
        beaten = any(other != point and all(a <= b for a, b in zip(other, point)) for other in front)
        assert beaten != is_on


def test_equal_points_are_on_it_together():
    assert on_front([(1, 2), (1, 2), (2, 2)]) == [True, True, False]
