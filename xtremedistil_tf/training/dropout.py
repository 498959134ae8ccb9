"""Dropout whose masks are a function of the step number, so that an interrupted run can be continued exactly."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

_LEVELS = 256


class _StepSeeded:
    """Stands in for a Keras layer's random generator; the mask depends on (stream, step), and on the replica
    where there are several."""

    def __init__(self, step: tf.Variable, stream: int):
        self._step, self._stream = step, stream

    def dropout(self, inputs: tf.Tensor, rate: float, noise_shape: Any = None) -> tf.Tensor:
        seed = tf.stack([tf.constant(self._stream, tf.int32), tf.cast(self._step, tf.int32)])
        replica = tf.distribute.get_replica_context()
        if replica is not None and replica.num_replicas_in_sync > 1:
            seed = tf.random.experimental.stateless_fold_in(seed, replica.replica_id_in_sync_group)
        return stateless_dropout(inputs, rate, seed, noise_shape)


def stateless_dropout(inputs: tf.Tensor, rate: float, seed: tf.Tensor, noise_shape: Any = None) -> tf.Tensor:
    """Dropout in half the time of TensorFlow's: one random number, of 32 bits, decides for four values.

    Args:
        inputs: float, any shape.
        rate: share of values that become zero, in steps of 1/256; the others grow by as much as is lost.
        seed: int32 [2]; the same seed, the same values.
        noise_shape: shape of what is drawn, with 1 where all along an axis share their fate; None: that of the inputs.
    """
    dropped = min(round(rate * _LEVELS), _LEVELS - 1)
    if not dropped:
        return inputs
    shape = tf.shape(inputs) if noise_shape is None else tf.convert_to_tensor(noise_shape)
    size = tf.reduce_prod(shape)
    # The algorithm is named, so that masks are the same on every device.
    words = tf.random.stateless_uniform([(size + 3) // 4], seed, None, None, tf.uint32, alg="philox")
    draws = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], shape)
    kept = tf.cast(draws >= tf.constant(dropped, tf.uint8), inputs.dtype)
    return inputs * (kept * (_LEVELS / (_LEVELS - dropped)))


def seed_dropout_by_step(model: tf_keras.Model, step: tf.Variable, seed: int) -> None:
    """Makes every dropout of a built model draw its masks from (seed, layer, step).

    Keras's own generators keep their state inside op kernels, which no checkpoint holds.

    Args:
        model: built model; nested layers are found.
        step: integer variable that the training loop moves and checkpoints (an optimizer's
            `iterations`).
        seed: seed of the run and phase.
    """
    layers = [layer for layer in model._flatten_layers() if _is_dropout(layer)]
    for number, layer in enumerate(layers):
        stream = (seed * 100_003 + number) % (2**31 - 1)
        generator = _StepSeeded(step, stream)
        if isinstance(layer, tf_keras.layers.Dropout):
            layer._random_generator = generator
        else:
            rate = layer.drop_prob
            layer.xdropout = lambda inputs, _g=generator, _r=rate: _g.dropout(inputs, _r)


def _is_dropout(layer: Any) -> bool:
    # DeBERTa has a dropout of its own ("stable dropout"), seeded by nobody.
    return isinstance(layer, tf_keras.layers.Dropout) or (
        hasattr(layer, "xdropout") and hasattr(layer, "drop_prob"))
