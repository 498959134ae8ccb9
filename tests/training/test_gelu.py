"""GELU in training, against its formula in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.training.stage import gelu, quicken_gelu


def expected(x):
    """Values and slopes."""
    below = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return x * below, below + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("dtype, tolerance", [(tf.float32, 2e-6), (tf.bfloat16, 2**-8)])
def test_values_and_slopes(dtype, tolerance):
    x = tf.cast(tf.linspace(-9.0, 9.0, 4001), dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = gelu(x)
    slopes = tape.gradient(y, x)
    assert y.dtype == slopes.dtype == dtype
    values, gradients = expected(tf.cast(x, tf.float64).numpy())
    np.testing.assert_allclose(tf.cast(y, tf.float64), values, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(tf.cast(slopes, tf.float64), gradients, rtol=tolerance, atol=tolerance)


def test_every_layer_with_gelu_gets_it_and_no_other():
    from transformers import BertConfig, TFBertModel

    config = dict(vocab_size=10, hidden_size=4, num_hidden_layers=2, num_attention_heads=1, intermediate_size=4)
    bert = TFBertModel(BertConfig(**config))
    dense = tf_keras.Sequential([tf_keras.layers.Dense(2, "gelu"), tf_keras.layers.Dense(2, "relu")])
    bert.build_in_name_scope()
    dense.build((None, 2))
    quicken_gelu(bert)
    quicken_gelu(dense)
    assert all(layer.intermediate.intermediate_act_fn is gelu for layer in bert.bert.encoder.layer)
    assert [layer.activation for layer in dense.layers] == [gelu, tf_keras.activations.relu]
    other = TFBertModel(BertConfig(**config, hidden_act="gelu_new"))
    other.build_in_name_scope()
    quicken_gelu(other)
    assert all(layer.intermediate.intermediate_act_fn is not gelu for layer in other.bert.encoder.layer)
