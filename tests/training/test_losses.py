"""Losses against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax

from xtremedistil_tf.training.losses import (
    label_loss,
    logit_loss,
    representation_kl,
    representation_mse,
    span_loss,
    squared_error,
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
