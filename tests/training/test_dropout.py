"""Dropout masks are a function of seed, layer and step."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.training.dropout import seed_dropout_by_step


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
