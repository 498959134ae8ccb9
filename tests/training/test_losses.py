"""Losses against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, rel_entr, softmax

from xtremedistil_tf.training.losses import (
    answer_loss,
    answers_where,
    attention_kl,
    attention_mse,
    label_loss,
    logit_loss,
    representation_kl,
    representation_mse,
    span_loss,
    squared_error,
    total,
)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(5)
    teacher, student = rng.normal(size=(2, 3, 6, 5)).astype(np.float32) * 3
    weights = (rng.random((3, 6)) < 0.6).astype(np.float32)
    weights[2] = 0
    return teacher, student, weights, rng.integers(0, 5, (3, 6)).astype(np.int32)


def mean(values, weights):
    return (values * weights).sum() / weights.sum()


def test_answer_loss(arrays):
    teacher, student, weights, _ = arrays
    expected = mean(rel_entr(softmax(teacher, -1), softmax(student, -1)).sum(-1), weights)
    assert float(answer_loss(teacher, student, weights)) == pytest.approx(expected, rel=1e-4)
    assert float(answer_loss(teacher, student, weights, np.ones_like(teacher))) == pytest.approx(expected, rel=1e-4)


def test_labels_that_a_teacher_does_not_know_count_as_the_first(arrays):
    teacher, student, weights, _ = arrays
    known = np.ones_like(teacher)
    known[..., [2, 4]] = 0

    def grouped(logits):
        shares = softmax(logits, -1)
        return np.stack([shares[..., [0, 2, 4]].sum(-1), shares[..., 1], shares[..., 3]], -1)

    expected = mean(rel_entr(grouped(teacher), grouped(student)).sum(-1), weights)
    assert float(answer_loss(teacher, student, weights, known)) == pytest.approx(expected, rel=1e-4)


def test_label_loss(arrays):
    _, logits, weights, labels = arrays
    expected = mean(-np.take_along_axis(log_softmax(logits, -1), labels[..., None], -1)[..., 0], weights)
    assert float(label_loss(labels, logits, weights)) == pytest.approx(expected, rel=1e-5)


def test_logit_loss(arrays):
    teacher, logits, weights, _ = arrays
    assert float(logit_loss(teacher, logits, weights)) == pytest.approx(
        mean(0.5 * ((teacher - logits) ** 2).sum(-1), weights), rel=1e-5)


def test_representation_kl(arrays):
    teacher, states, weights, _ = arrays
    t, s = log_softmax(teacher, -1), log_softmax(states, -1)
    assert float(representation_kl(teacher, states, weights)) == pytest.approx(
        mean((np.exp(t) * (t - s)).sum(-1), weights), rel=1e-5)
    assert float(representation_kl(teacher, teacher + 3, weights)) == pytest.approx(0, abs=1e-5)


def test_representation_mse(arrays):
    teacher, states, weights, _ = arrays
    assert float(representation_mse(teacher, states, weights)) == pytest.approx(
        mean(((teacher - states) ** 2).mean(-1), weights), rel=1e-5)


def test_padding_does_not_count_and_no_token_is_no_loss(arrays):
    teacher, states, weights, labels = arrays
    moved = states + 100 * (1 - weights[..., None])
    for loss, target in ((logit_loss, teacher), (representation_kl, teacher), (representation_mse, teacher),
                         (label_loss, labels)):
        assert float(loss(target, states, weights)) == pytest.approx(float(loss(target, moved, weights)), rel=1e-6)
        assert float(loss(target, states, np.zeros_like(weights))) == 0


def test_half_precision_inputs_are_computed_in_float32(arrays):
    teacher, states, weights, _ = arrays
    value = representation_kl(teacher.astype(np.float16), states.astype(np.float16), weights)
    assert value.dtype == "float32"
    assert float(value) == pytest.approx(float(representation_kl(teacher, states, weights)), rel=1e-2)


def test_squared_error(arrays):
    targets, values = arrays[0][:, 0, 0], arrays[1][:, 0, 0]
    assert float(squared_error(targets, values, np.ones(3, np.float32))) == pytest.approx(
        np.mean((targets - values) ** 2), rel=1e-5)


def test_span_loss(arrays):
    logits, mask = arrays[0][..., :2], np.array([[1, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]])
    starts, ends = np.array([2, 1, 0], np.int32), np.array([3, 4, 0], np.int32)
    expected = []
    for row in range(3):
        kept = np.flatnonzero(mask[row])
        for output, positions in enumerate((starts, ends)):
            among = log_softmax(logits[row, kept, output].astype(np.float64))
            expected.append(-among[list(kept).index(positions[row])])
    mask = mask.astype(np.float32)
    assert float(span_loss(starts, ends, logits, mask)) == pytest.approx(np.mean(expected), rel=1e-5)
    half = span_loss(starts, ends, logits.astype(np.float16), mask)
    assert half.dtype == "float32" and float(half) == pytest.approx(np.mean(expected), rel=1e-2)


def test_answers_stand_where_they_are_wanted():
    states, kernel = np.random.default_rng(0).normal(size=(2, 3, 4)), np.random.default_rng(1).normal(size=(4, 2))
    answered, rows = np.array([[0.5, 0, 1], [0, 0, 2]]), []
    found = answers_where(tf.constant(answered), tf.constant(states),
                          lambda pieces: rows.append(len(pieces)) or tf.constant(pieces @ kernel))
    np.testing.assert_allclose(found, (states @ kernel) * (answered > 0)[..., None])
    assert rows == [3]


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_attention_losses(kind):
    """Three heads, four tokens of which the last is padding in the second row; only some tokens count."""
    rng = np.random.default_rng(3)
    mask, rows = np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.float32), np.array([[1, 0, 1, 1], [0, 1, 0, 0]], np.float32)
    teacher, student = (softmax(np.where(mask[:, None, None] > 0, rng.normal(size=(2, 4, 3, 4)), -1e9), -1).astype(kind)
                        for _ in range(2))
    squares, divergences = [], []
    for row, token in zip(*np.nonzero(rows)):
        length = int(mask[row].sum())
        t, s = (maps[row, token, :, :length].astype(np.float64) for maps in (teacher, student))
        squares.append(((t - s) ** 2).mean())
        divergences.append(rel_entr(t, s).sum(-1).mean())
    for loss, expected in ((attention_mse, np.mean(squares)), (attention_kl, np.mean(divergences))):
        found = loss(*map(tf.constant, (teacher, student, mask, rows)))
        assert found.dtype == "float32" and float(found) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", [label_loss, logit_loss, representation_mse, squared_error])
def test_losses_of_half_precision_are_float32(arrays, loss):
    teacher, student, weights, labels = arrays
    targets = {label_loss: labels, squared_error: teacher[..., 0]}.get(loss, teacher)
    values = student[..., 0] if loss is squared_error else student
    half = loss(targets if loss is label_loss else targets.astype(np.float16), values.astype(np.float16), weights)
    assert half.dtype == "float32" and float(half) == pytest.approx(float(loss(targets, values, weights)), rel=1e-2)


def test_how_many_answers_a_mean_is_over():
    assert total(np.array([[1, 0], [1, 1]], np.int32)).dtype == "float32"
    assert float(total(np.array([[1, 0], [1, 1]], np.int32))) == 3


@pytest.mark.parametrize("replicas, elsewhere", [(1, 0.0), (2, 5.0)])
def test_a_replica_has_its_part_of_the_mean_over_the_whole_batch(monkeypatch, arrays, replicas, elsewhere):
    class Replica:
        num_replicas_in_sync = replicas

        def all_reduce(self, how, weight):
            assert how == tf.distribute.ReduceOp.SUM and replicas > 1
            return weight + elsewhere

    teacher, logits, weights, _ = arrays
    monkeypatch.setattr(tf.distribute, "get_replica_context", Replica)
    expected = (0.5 * ((teacher - logits) ** 2).sum(-1) * weights).sum() / (weights.sum() + elsewhere)
    assert float(logit_loss(teacher, logits, weights)) == pytest.approx(expected, rel=1e-5)
