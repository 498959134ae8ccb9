"""RowAdam against Keras's Adam and a formula; schedules against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.training.optimizers import RowAdam, WarmupLinearDecay, cosine_schedule


def gradients(rng, shape):
    return [rng.normal(size=shape).astype(np.float32) for _ in range(5)]


def test_dense_updates_are_those_of_keras():
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3)).astype(np.float32)
    ours, theirs = tf.Variable(start), tf.Variable(start)
    a, b = RowAdam(1e-2), tf_keras.optimizers.Adam(1e-2)
    for gradient in gradients(rng, (4, 3)):
        a.apply_gradients([(tf.constant(gradient), ours)])
        b.apply_gradients([(tf.constant(gradient), theirs)])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_sparse_updates_move_only_the_rows_of_the_batch():
    start = np.ones((6, 2), np.float32)
    table = tf.Variable(start)
    optimizer = RowAdam(0.1, epsilon=1e-7)
    m, v, expected = np.zeros((6, 2)), np.zeros((6, 2)), start.astype(float)
    for step, rows in enumerate(([1, 4], [4, 4], [1, 5]), 1):
        values = np.full((2, 2), 0.5 * step, np.float32)
        gradient = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([6, 2]))
        optimizer.apply_gradients([(gradient, table)])
        dense = np.zeros((6, 2))
        np.add.at(dense, rows, values)
        for row in set(rows):
            m[row] = 0.9 * m[row] + 0.1 * dense[row]
            v[row] = 0.999 * v[row] + 0.001 * dense[row] ** 2
            rate = 0.1 * math.sqrt(1 - 0.999 ** step) / (1 - 0.9 ** step)
            expected[row] -= rate * m[row] / (np.sqrt(v[row]) + 1e-7)
    np.testing.assert_allclose(table, expected, rtol=1e-5)
    np.testing.assert_array_equal(table.numpy()[[0, 2, 3]], 1)


def test_weight_decay_spares_biases_and_embeddings():
    kernel = tf.Variable(np.ones((2, 2), np.float32), name="kernel")
    bias = tf.Variable(np.ones(2, np.float32), name="bias")
    table = tf.Variable(np.ones((2, 2), np.float32), name="word_embeddings")
    optimizer = RowAdam(0.1, weight_decay=0.5)
    optimizer.exclude_undecayed([kernel, bias, table])
    optimizer.apply_gradients([(tf.zeros_like(x), x) for x in (kernel, bias, table)])
    np.testing.assert_allclose(kernel, 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)
    np.testing.assert_array_equal(table, 1)


def test_cosine_goes_from_first_to_last():
    schedule = cosine_schedule(1e-3, 100, 1e-8)
    assert float(schedule(0)) == pytest.approx(1e-3)
    assert float(schedule(50)) == pytest.approx((1e-3 + 1e-8) / 2, rel=1e-4)
    assert float(schedule(100)) == pytest.approx(1e-8, rel=1e-2)


def test_warm_up_and_decay():
    schedule = WarmupLinearDecay(1.0, steps=100, warmup_steps=10)
    assert float(schedule(0)) == pytest.approx(0.1)
    assert float(schedule(9)) == pytest.approx(1.0)
    assert float(schedule(55)) == pytest.approx(0.5)
    assert float(schedule(100)) == 0


def test_warm_up_rises_to_the_peak_before_the_cosine():
    schedule = cosine_schedule(1e-2, 200, 1e-8, warmup=0.1)
    assert float(schedule(10)) == pytest.approx(5e-3, rel=0.1)
    assert float(schedule(20)) == pytest.approx(1e-2, rel=1e-3)
    assert float(schedule(110)) == pytest.approx(5e-3, rel=1e-3)
    assert float(schedule(200)) == pytest.approx(1e-8, rel=0.1)


@pytest.mark.parametrize("sparse", [True, False])
def test_a_slowed_variable_moves_by_its_share(sparse):
    start, rows = np.ones((6, 2), np.float32), [1, 4]
    moved = []
    for factor in (1.0, 0.1):
        table, other = tf.Variable(start), tf.Variable(start)
        optimizer = RowAdam(0.1, clip_norm=1.0)
        optimizer.slow_down(table, factor)
        for _ in range(3):
            values = tf.constant(np.full((2, 2), 0.5, np.float32))
            gradient = tf.IndexedSlices(values, tf.constant(rows), tf.constant([6, 2]))
            optimizer.apply_gradients([(gradient if sparse else tf.convert_to_tensor(gradient), table),
                                       (tf.ones_like(other), other)])
        moved.append((table.numpy() - start, other.numpy() - start))
    np.testing.assert_allclose(moved[1][0], 0.1 * moved[0][0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(moved[1][1], moved[0][1], rtol=1e-6)
    assert moved[0][0][1, 0] < -0.1
