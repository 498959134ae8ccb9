"""Layer maps against ones made by hand."""

from __future__ import annotations

import itertools

import pytest

from xtremedistil_tf.distillation.signals import layer_map, top_pair
from xtremedistil_tf.errors import ConfigError


@pytest.mark.parametrize("spec, student, teacher, expected", [
    ("uniform", 3, 12, ((0, 0), (1, 4), (2, 8), (3, 12))),
    ("uniform", 6, 12, ((0, 0), (1, 2), (2, 4), (3, 6), (4, 8), (5, 10), (6, 12))),
    ("uniform", 2, 5, ((0, 0), (1, 3), (2, 5))),
    ("uniform", 4, 2, ((0, 0), (2, 1), (4, 2))),
    ("last", 2, 6, ((0, 4), (1, 5), (2, 6))),
    ("last", 6, 6, tuple((i, i) for i in range(7))),
    ("0:0,2:1,4:2", 4, 2, ((0, 0), (2, 1), (4, 2))),
    ("4:12, 2:6", 4, 12, ((2, 6), (4, 12))),
    ("2,4,6", 3, 6, ((1, 2), (2, 4), (3, 6))),
    ("0,2,4,6", 3, 6, ((0, 0), (1, 2), (2, 4), (3, 6))),
    ("6", 3, 6, ((3, 6),)),
])
def test_maps(spec, student, teacher, expected):
    assert layer_map(spec, student, teacher) == expected


@pytest.mark.parametrize("student", range(1, 13))
@pytest.mark.parametrize("teacher", [1, 2, 5, 12, 24])
def test_uniform_maps_rise_from_embeddings_to_top(student, teacher):
    pairs = layer_map("uniform", student, teacher)
    assert pairs[0] == (0, 0) and pairs[-1] == (student, teacher)
    assert len(pairs) == min(student, teacher) + 1
    for lower, upper in itertools.pairwise(pairs):
        assert lower[0] < upper[0] and lower[1] < upper[1]


@pytest.mark.parametrize("spec, message", [
    ("even", "expected uniform, last, pairs"), ("1:2:3", "expected uniform"), ("1:2,3", "expected uniform"),
    ("", "expected uniform"), ("1,,2", "expected uniform"),
    ("0:13", "the teacher has no state 13.*0 .* to 12"), ("5:1", "the student has no state 5.*to 4"),
    ("1:-1", "the teacher has no state -1"), ("1:1,1:2", "occurs twice"),
    ("0,1,2,3,4,5", "lists 6 teacher states, but the student has 5"),
])
def test_unreadable_maps_are_refused(spec, message):
    with pytest.raises(ConfigError, match=message):
        layer_map(spec, 4, 12)


def test_last_needs_as_deep_a_teacher():
    with pytest.raises(ConfigError, match="the student has 8 layers and the teacher only 6.*uniform"):
        layer_map("last", 8, 6)


def test_without_a_map_it_is_the_top_state():
    assert top_pair(0, 6, 12) == ((6, 12),)
    assert top_pair(7, 6, 12) == ((6, 7),) and top_pair(12, 6, 12) == ((6, 12),)
    with pytest.raises(ConfigError, match="`teacher_layer=13`: the teacher has 12 layers"):
        top_pair(13, 6, 12)
