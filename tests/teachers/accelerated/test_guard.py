"""The guard's figures against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.teachers.acceleration import Deviation, compare
from xtremedistil_tf.teachers.protocol import TeacherOutputs

TAGGING = make_task("tagging", ["O", "B-X"])


def outputs(logits, **others):
    arrays = {name: np.array(values, np.float32) for name, values in others.items()}
    return TeacherOutputs(0, np.array(logits, np.float32), **{"hidden": None} | arrays)


def logits_of(*probabilities):
    return np.log(np.array(probabilities))


def test_answers_of_pieces():
    exact = outputs(logits_of([0.9, 0.1], [0.6, 0.4], [0.5, 0.5]))
    other = outputs(logits_of([0.9, 0.1], [0.4, 0.6], [0.6, 0.4]) + 7.0)
    found = compare(TAGGING, [(exact, other), (exact, exact)])
    assert (found.examples, found.cosine, found.attention) == (2, None, None)
    assert found.changed == pytest.approx(1 / 6)
    assert found.mean == pytest.approx((0.2 + 0.1) / 6)
    assert found.most == pytest.approx(0.2)


def test_answers_of_examples():
    task = make_task("classification", ["a", "b", "c"])
    pairs = [(outputs(logits_of(0.7, 0.2, 0.1)), outputs(logits_of(0.5, 0.2, 0.3))),
             (outputs(logits_of(0.4, 0.3, 0.3)), outputs(logits_of(0.3, 0.4, 0.3)))]
    found = compare(task, pairs)
    assert (found.changed, found.mean, found.most) == pytest.approx((0.5, 0.15, 0.2))


def test_the_start_and_the_end_of_an_answer_are_chosen_among_pieces():
    starts, ends = [0.5, 0.3, 0.2], [0.1, 0.1, 0.8]
    other = [0.2, 0.6, 0.2]
    task = make_task("question_answering", ["start", "end"])
    found = compare(task, [(outputs(logits_of(starts, ends).T), outputs(logits_of(other, ends).T))])
    assert (found.changed, found.mean, found.most) == pytest.approx((0.5, 0.15, 0.3))


def test_numbers_are_held_against_their_deviation():
    task = make_task("regression", ["score"])
    pairs = [(outputs([1.0]), outputs([1.0])), (outputs([5.0]), outputs([5.5]))]
    found = compare(task, pairs)
    assert found.changed is None
    assert (found.mean, found.most) == pytest.approx((0.125, 0.25))


def test_hidden_states_are_compared_without_what_they_share_and_by_layer():
    shared = np.array([100.0, 0.0])
    exact = np.stack([[[1, 0], [0, 1]], [[-1, 0], [0, -1]]]) + shared
    other = np.stack([[[1, 0], [1, 0]], [[-1, 0], [-1, 0]]]) + shared
    row = np.zeros((2, 2))
    found = compare(TAGGING, [(outputs(row, hidden=exact), outputs(row, hidden=other))])
    assert found.cosine == pytest.approx(0.0)  # of the second layer; that of the first is 1
    same = compare(TAGGING, [(outputs(row, hidden=exact), outputs(row, hidden=2 * exact))])
    assert same.cosine < 0.9  # the mean state is another one


def test_attention_and_relations_are_compared_as_probabilities():
    rows = np.array([[[[1.0, 0.0]]], [[[0.5, 0.5]]]])
    other = np.array([[[[0.8, 0.2]]], [[[0.5, 0.5]]]])
    logits = np.zeros((2, 2))
    found = compare(TAGGING, [(outputs(logits, attentions=rows, relations=rows),
                               outputs(logits, attentions=other, relations=rows))])
    assert found.attention == pytest.approx(0.2 / 4)


@pytest.mark.parametrize("change, advice", [
    (dict(changed=0.021), "`teacher_tolerance=0.021`"), (dict(mean=0.0305), "`teacher_tolerance=0.031`"),
    (dict(cosine=0.95), "`teacher_tolerance=0.05"), (dict(attention=0.3), "`teacher_tolerance=0.3`")])
def test_each_figure_can_refuse_and_is_told(change, advice):
    right = dict(examples=64, changed=0.01, mean=0.01, most=0.9, cosine=0.99, attention=0.01)
    Deviation(**right).check("openvino", 0.02)
    with pytest.raises(ConfigError, match="`teacher_path=openvino` deviates too much.*64 examples") as caught:
        Deviation(**right | change).check("openvino", 0.02)
    assert advice in str(caught.value)


@pytest.mark.parametrize("change", [dict(mean=float("nan")), dict(cosine=float("nan")), dict(changed=0.7)])
def test_nonsense_is_never_to_be_accepted(change):
    right = dict(examples=64, changed=0.0, mean=0.0, most=0.0, cosine=1.0)
    with pytest.raises(ConfigError) as caught:
        Deviation(**right | change).check("bfloat16", 0.02)
    assert "accept it" not in str(caught.value)
