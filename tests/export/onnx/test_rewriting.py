"""What TensorFlow breaks into small operations is whole again in the ONNX graph, and computes the same."""

from __future__ import annotations

import collections

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
import tf_keras

from xtremedistil_tf.onnx_graphs import OPSET
from xtremedistil_tf.onnx_rewriting import REWRITERS

WIDTH = 6
VALUES = np.random.default_rng(1).normal(0, 2, (2, 3, WIDTH)).astype(np.float32)


def converted(function) -> tuple[collections.Counter, np.ndarray]:
    """The kinds of nodes of a function of [batch, time, WIDTH], and what they compute of VALUES."""
    signature = [tf.TensorSpec([None, None, WIDTH], tf.float32, "values")]
    model, _ = tf2onnx.convert.from_function(tf.function(function, input_signature=signature), signature,
                                             opset=OPSET, custom_rewriter=list(REWRITERS))
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    kinds = collections.Counter(node.op_type for node in model.graph.node)
    return kinds, session.run(None, {"values": VALUES})[0]


def normalized(data: tf.Tensor, axis: int, factor: float = 1.0) -> tf.Tensor:
    """Factor times the data, by the mean and the variance of the data."""
    moments = tf.nn.moments(data, [axis], keepdims=True)
    return tf.nn.batch_normalization(factor * data, *moments, tf.ones(WIDTH), tf.ones(WIDTH), 0.1)


def test_layer_normalization():
    layer = tf_keras.layers.LayerNormalization(epsilon=1e-5, gamma_initializer="random_normal",
                                               beta_initializer="random_normal")
    kinds, found = converted(layer)
    assert kinds == {"LayerNormalization": 1}
    centred = VALUES - VALUES.mean(-1, keepdims=True)
    wanted = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * layer.gamma.numpy()
    np.testing.assert_allclose(found, wanted + layer.beta.numpy(), atol=1e-5)


@pytest.mark.parametrize("function", [lambda x: normalized(x, 1), lambda x: normalized(x, 2, 2.0)],
                         ids=["over time", "of something else"])
def test_other_normalizations_are_left(function):
    kinds, found = converted(function)
    assert "LayerNormalization" not in kinds
    np.testing.assert_allclose(found, function(tf.constant(VALUES)), atol=1e-5)


def test_gelu():
    from scipy.special import erf

    kinds, found = converted(tf.nn.gelu)
    assert kinds == {"Div": 1, "Erf": 1, "Add": 1, "Mul": 2}
    np.testing.assert_allclose(found, VALUES * 0.5 * (1 + erf(VALUES / np.sqrt(2))), atol=1e-6)


def test_dense():
    layer = tf_keras.layers.Dense(4, bias_initializer="random_normal")
    kinds, found = converted(layer)
    assert kinds == {"MatMul": 1, "Add": 1}
    np.testing.assert_allclose(found, VALUES @ layer.kernel.numpy() + layer.bias.numpy(), atol=1e-5)


def test_other_reshaping_products_are_left():
    kernel = np.random.default_rng(2).normal(size=(3 * WIDTH, 3 * WIDTH)).astype(np.float32)

    def joined(x):
        return tf.reshape(tf.reshape(x, [-1, 3 * WIDTH]) @ kernel, tf.shape(x))

    np.testing.assert_allclose(converted(joined)[1], joined(tf.constant(VALUES)), atol=1e-4)


def test_selection_among_what_is_not_finite():
    def positive_only(x):
        return tf.where(x > 0, tf.math.log(x), 0 * x)

    kinds, found = converted(positive_only)
    assert kinds["Where"] == 1
    np.testing.assert_allclose(found, np.log(np.where(VALUES > 0, VALUES, 1)), atol=1e-6)
