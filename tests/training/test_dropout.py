"""Dropout masks are a function of seed, layer and step."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.training.stage import seed_dropout_by_step, stateless_dropout


def model(seed: int, step: tf.Variable):
    network = tf_keras.Sequential([tf_keras.layers.Dropout(0.5), tf_keras.layers.Dropout(0.5)])
    network.build((None, 1000))
    seed_dropout_by_step(network, step, seed)
    return network


def test_masks_repeat_for_the_same_step_and_differ_otherwise():
    step = tf.Variable(0, dtype=tf.int64)
    first, again, other = model(1, step), model(1, step), model(2, step)
    x = tf.ones((1, 1000))
    at_0 = first(x, training=True).numpy()
    np.testing.assert_array_equal(at_0, again(x, training=True))
    assert not np.array_equal(at_0, other(x, training=True))
    step.assign(1)
    assert not np.array_equal(at_0, first(x, training=True))
    step.assign(0)
    np.testing.assert_array_equal(at_0, first(x, training=True))


def test_layers_of_one_model_draw_different_masks():
    output = model(1, tf.Variable(0, dtype=tf.int64))(tf.ones((1, 1000)), training=True).numpy()
    assert 0.15 < (output > 0).mean() < 0.35  # 0.25 if independent, 0.5 if the two masks were one
    np.testing.assert_array_equal(np.unique(output), [0, 4])


def test_no_dropout_at_inference():
    x = tf.ones((1, 1000))
    np.testing.assert_array_equal(model(1, tf.Variable(0, dtype=tf.int64))(x, training=False), x)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5, 0.9, 0.999])
def test_values_are_lost_at_the_rate_and_the_mean_stays(rate):
    values = stateless_dropout(tf.ones((400, 1003)), rate, tf.constant([3, 4])).numpy()
    assert abs((values == 0).mean() - rate) < 1 / 256
    assert len(np.unique(values)) == 2 and abs(values.mean() - 1) < 0.03 / (1 - min(rate, 0.99))
    kept = values > 0
    for shift in (1, 2, 3, 4):  # neighbours share a random number, not their fate
        assert abs((kept[:, shift:] == kept[:, :-shift]).mean() - ((1 - rate) ** 2 + rate ** 2)) < 0.01


def test_the_gradient_passes_where_values_do():
    x = tf.constant(np.random.default_rng(0).normal(size=(7, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = stateless_dropout(x, 0.5, tf.constant([1, 2]))
    np.testing.assert_allclose(tape.gradient(y, x), np.where(y.numpy() == 0, 0, 2))


def test_one_fate_along_an_axis_and_no_loss_at_rate_zero():
    x = tf.ones((6, 8, 10))
    shared = stateless_dropout(x, 0.5, tf.constant([1, 2]), (6, 1, 10)).numpy()
    assert (shared == shared[:, :1]).all() and 0 < (shared == 0).mean() < 1
    assert stateless_dropout(x, 0.001, tf.constant([1, 2])) is x
