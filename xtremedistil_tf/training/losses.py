"""The losses of the stages. All are float32 means over the tokens with weight; padding never counts."""

from __future__ import annotations

import tensorflow as tf


def label_loss(labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Cross-entropy with the gold labels.

    Args:
        labels: int32 [batch, time].
        logits: [batch, time, labels].
        weights: float32 [batch, time], 1 at the first piece of a word, else 0.

    Returns:
        float32 scalar.
    """
    logits = tf.cast(logits, tf.float32)
    return _mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), weights)


def logit_loss(teacher_logits: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Half the squared distance of the logits, summed over the classes (XtremeDistil, L_LL).

    Args:
        teacher_logits, logits: [batch, time, labels].
        weights: float32 [batch, time].
    """
    difference = tf.cast(logits, tf.float32) - tf.cast(teacher_logits, tf.float32)
    return _mean(0.5 * tf.reduce_sum(tf.square(difference), -1), weights)


def representation_kl(teacher_states: tf.Tensor, states: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """KL(softmax(teacher) || softmax(student)) over the width of each token's state (XtremeDistil, L_RL).

    Args:
        teacher_states, states: [batch, time, width].
        weights: float32 [batch, time], 1 at every token that is no padding.
    """
    teacher = tf.nn.log_softmax(tf.cast(teacher_states, tf.float32))
    student = tf.nn.log_softmax(tf.cast(states, tf.float32))
    return _mean(tf.reduce_sum(tf.exp(teacher) * (teacher - student), -1), weights)


def representation_mse(teacher_states: tf.Tensor, states: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared difference over the width of each token's state.

    Args:
        teacher_states, states: [batch, time, width].
        weights: float32 [batch, time], 1 at every token that is no padding.
    """
    difference = tf.cast(states, tf.float32) - tf.cast(teacher_states, tf.float32)
    return _mean(tf.reduce_mean(tf.square(difference), -1), weights)


REPRESENTATION_LOSSES = {"kl": representation_kl, "mse": representation_mse}


def _mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), tf.reduce_sum(weights))
