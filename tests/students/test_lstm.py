"""The LSTM against Keras's own, weights and masks being the same: answers and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.bilstm import LSTM

WIDTH, UNITS, STEPS = 5, 7, 6
LENGTHS = [STEPS, 1, 4]


def bidirectional(layer, policy="float32"):
    tf_keras.utils.set_random_seed(2)
    both = tf_keras.layers.Bidirectional(layer(UNITS, return_sequences=True, dtype=policy), dtype=policy)
    both.build((None, None, WIDTH))
    return both


def answers_and_gradients(both, texts, mask):
    @tf.function
    def run():
        with tf.GradientTape() as tape:
            tape.watch(texts)
            states = tf.cast(both(texts, mask=mask, training=True), tf.float32)
            loss = tf.reduce_sum(tf.square(states) * tf.cast(mask[..., None], tf.float32))
        return [states, *tape.gradient(loss, [texts, *both.trainable_variables])]

    return [value.numpy() for value in run()]


@pytest.mark.parametrize("policy, near", [("float32", 1e-5), ("mixed_bfloat16", 0.05)])
def test_answers_and_gradients_are_those_of_keras(policy, near):
    texts = tf.constant(np.random.default_rng(0).normal(size=(len(LENGTHS), STEPS, WIDTH)), tf.float32)
    mask = tf.sequence_mask(LENGTHS, STEPS)
    ours, keras = bidirectional(LSTM, policy), bidirectional(tf_keras.layers.LSTM, policy)
    ours.set_weights(keras.get_weights())
    pairs = list(zip(answers_and_gradients(ours, texts, mask), answers_and_gradients(keras, texts, mask)))
    assert len(pairs) == 2 + 6
    for mine, theirs in pairs:
        np.testing.assert_allclose(mine, theirs, atol=near * np.abs(theirs).max(), rtol=0)


def test_only_the_last_state_where_that_is_wanted():
    texts = tf.random.normal((2, STEPS, WIDTH))
    ours, keras = LSTM(UNITS), tf_keras.layers.LSTM(UNITS)
    ours(texts), keras(texts)
    ours.set_weights(keras.get_weights())
    np.testing.assert_allclose(ours(texts), keras(texts), atol=1e-6)


def test_the_graph_holds_one_loop_and_no_second_implementation():
    texts = tf.TensorSpec([None, None, WIDTH], tf.float32)
    layer = LSTM(UNITS, return_sequences=True)
    graph = tf.function(layer).get_concrete_function(texts).graph
    assert not any(node.type in ("PartitionedCall", "StatefulPartitionedCall") for node in graph.get_operations())
