"""The fused bidirectional LSTM against Keras's: answers, gradients, weights; and what frozen layers compute."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.bilstm import LSTM, FusedBidirectional, bidirectional_lstm

WIDTH, UNITS, STEPS = 5, 7, 6
LENGTHS = [STEPS, 1, 4, 0]


def layer(wrapper, inner, policy="float32"):
    tf_keras.utils.set_random_seed(2)
    both = wrapper(inner(UNITS, return_sequences=True, name="lstm", dtype=policy), dtype=policy, name="bilstm")
    both.build((None, None, WIDTH))
    # Biases are zero and one at the start, which would hide gates in the wrong order.
    both.set_weights([np.random.default_rng(i).normal(0, 0.5, w.shape) for i, w in enumerate(both.get_weights())])
    return both


@pytest.fixture
def texts():
    return tf.constant(np.random.default_rng(0).normal(size=(len(LENGTHS), STEPS, WIDTH)), tf.float32)


def answers_and_gradients(both):
    """A function of texts and lengths: states, gradients of texts and of weights."""
    wanted = tf.constant(np.random.default_rng(1).normal(size=(len(LENGTHS), STEPS, 2 * UNITS)), tf.float32)

    def run(texts, lengths):
        with tf.GradientTape() as tape:
            tape.watch(texts)
            states = tf.cast(both(texts, mask=tf.sequence_mask(lengths, STEPS), training=True), tf.float32)
            loss = tf.reduce_sum(tf.square(states - wanted))
        return [states, *tape.gradient(loss, [texts, *both.trainable_variables])]

    return run


@pytest.fixture(scope="module")
def keras():
    return tf.function(answers_and_gradients(layer(tf_keras.layers.Bidirectional, tf_keras.layers.LSTM)))


# Of bfloat16 the exact answer is what it should be near: Keras's own rounds the memory too.
@pytest.mark.parametrize("policy, near", [("float32", 1e-6), ("mixed_bfloat16", 0.03)])
def test_answers_and_gradients_are_those_of_keras(policy, near, keras, texts):
    ours = tf.function(answers_and_gradients(layer(FusedBidirectional, LSTM, policy)))
    for lengths in (LENGTHS, [1, 1, 1, 1], [STEPS] * 4):
        found, expected = (run(texts, tf.constant(lengths)) for run in (ours, keras))
        assert len(found) == len(expected) == 2 + 6
        for mine, theirs in zip(found, expected):
            np.testing.assert_allclose(mine, theirs, atol=near * max(1, np.abs(theirs).max()), rtol=0)


def test_the_same_outside_a_graph(keras, texts):
    ours = answers_and_gradients(layer(FusedBidirectional, LSTM))
    for mine, theirs in zip(ours(texts, tf.constant(LENGTHS)), keras(texts, tf.constant(LENGTHS))):
        np.testing.assert_allclose(mine, theirs, atol=1e-6 * max(1, np.abs(theirs).max()))


def test_without_training_the_layers_answer_as_ever(texts):
    ours, before = layer(FusedBidirectional, LSTM), layer(tf_keras.layers.Bidirectional, LSTM)
    mask = tf.sequence_mask(LENGTHS, STEPS)
    np.testing.assert_array_equal(ours(texts, mask=mask), before(texts, mask=mask))
    np.testing.assert_allclose(ours(texts, mask=mask), ours(texts, mask=mask, training=True), atol=1e-6)
    np.testing.assert_array_equal(ours(texts, training=True), before(texts, training=True))


def test_weights_have_the_names_and_shapes_of_keras():
    described = [[(w.name, w.shape) for w in layer(*kinds).weights] for kinds in
                 ((FusedBidirectional, LSTM), (tf_keras.layers.Bidirectional, tf_keras.layers.LSTM))]
    assert described[0] == described[1]


def products(wanted_inputs, trainable):
    """Matrix products that a graph of the wanted gradients needs, inside loops and outside."""
    both = layer(FusedBidirectional, LSTM)
    both.trainable = trainable

    @tf.function(input_signature=[tf.TensorSpec([None, None, WIDTH])])
    def run(texts):
        sources = [texts] * wanted_inputs + both.trainable_variables
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            states = both(texts, mask=tf.sequence_mask(LENGTHS, STEPS), training=True)
        return states, *tape.gradient(states, sources)

    graph = run.get_concrete_function().graph
    needed, left = set(), [tensor.op for tensor in graph.outputs]
    while left:
        if (op := left.pop()) not in needed:
            needed.add(op)
            left += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    outside = sum(op.type == "MatMul" for op in needed)
    loops = [op.get_attr("body").name for op in needed if op.type in ("While", "StatelessWhile")]
    inside = [sum(node.op == "MatMul" for node in function.node_def) for function in
              graph.as_graph_def().library.function if function.signature.name in loops]
    return outside, sorted(inside)


def test_one_product_for_each_kernel_and_no_more_than_is_wanted():
    # Both directions: inputs to gates; gradients of inputs; of kernel, recurrent kernel and bias.
    assert products(wanted_inputs=True, trainable=True) == (2 + 2 + 6, [2, 2])
    assert products(wanted_inputs=False, trainable=True) == (2 + 6, [2, 2])
    assert products(wanted_inputs=True, trainable=False) == (2 + 2, [2, 2])
    assert products(wanted_inputs=False, trainable=False) == (2, [2])


def test_gradients_are_those_of_differences():
    rng = np.random.default_rng(3)
    shapes = [(2, 3, 2)] + 2 * [(2, 8), (2, 8), (8,)]
    values = [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]

    @tf.function
    def states(texts, *weights):
        return bidirectional_lstm(texts, tf.constant([3, 2]), *weights)

    theoretical, numerical = tf.test.compute_gradient(states, values, delta=1e-2)
    for exact, near in zip(theoretical, numerical):
        np.testing.assert_allclose(exact, near, atol=2e-3)
