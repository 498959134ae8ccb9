"""The losses of the stages. All are float32 means over the tokens with weight; padding never counts.

Where several replicas share a batch, a replica's loss is its part of the mean over the whole of it: the sum
over the replicas is the loss of the batch, and the sum of their gradients its gradient.
"""

from __future__ import annotations

import tensorflow as tf


def label_loss(labels: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Cross-entropy with the gold labels.

    Args:
        labels: int32 [batch, time] or [batch].
        logits: [batch, time, labels] or [batch, labels].
        weights: float32 of the shape of `labels`: 1 where there is an answer (for taggers the first
            piece of a word), else 0.

    Returns:
        float32 scalar.
    """
    logits = tf.cast(logits, tf.float32)
    return weighted_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), weights)


def logit_loss(teacher_logits: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Half the squared distance of the logits, summed over the classes (XtremeDistil, L_LL).

    Args:
        teacher_logits, logits: [batch, time, labels] or [batch, labels].
        weights: float32, of that shape without the last axis.
    """
    difference = tf.cast(logits, tf.float32) - tf.cast(teacher_logits, tf.float32)
    return weighted_mean(0.5 * tf.reduce_sum(tf.square(difference), -1), weights)


def representation_kl(teacher_states: tf.Tensor, states: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """KL(softmax(teacher) || softmax(student)) over the width of each token's state (XtremeDistil, L_RL).

    Args:
        teacher_states, states: [batch, time, width].
        weights: float32 [batch, time], 1 at every token that is no padding.
    """
    teacher = tf.nn.log_softmax(tf.cast(teacher_states, tf.float32))
    student = tf.nn.log_softmax(tf.cast(states, tf.float32))
    return weighted_mean(tf.reduce_sum(tf.exp(teacher) * (teacher - student), -1), weights)


def representation_mse(teacher_states: tf.Tensor, states: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared difference over the width of each token's state.

    Args:
        teacher_states, states: [batch, time, width].
        weights: float32 [batch, time], 1 at every token that is no padding.
    """
    difference = tf.cast(states, tf.float32) - tf.cast(teacher_states, tf.float32)
    return weighted_mean(tf.reduce_mean(tf.square(difference), -1), weights)


def total(weights: tf.Tensor) -> tf.Tensor:
    """The sum of weights, float32: how many answers a mean is over."""
    return tf.reduce_sum(tf.cast(weights, tf.float32))


REPRESENTATION_LOSSES = {"kl": representation_kl, "mse": representation_mse}


def weighted_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The mean of the values with weight, float32 scalar: of a replica, its part of the mean over the whole batch."""
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), _over_replicas(tf.reduce_sum(weights)))


def _over_replicas(weight: tf.Tensor) -> tf.Tensor:
    replica = tf.distribute.get_replica_context()  # None: not in training, as in validation
    if replica is None or replica.num_replicas_in_sync == 1:
        return weight
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, weight)


def squared_error(targets: tf.Tensor, values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Mean squared error of a regression.

    Args:
        targets, values: [batch].
        weights: float32 [batch].
    """
    return weighted_mean(tf.square(tf.cast(values, tf.float32) - tf.cast(targets, tf.float32)), weights)


def span_loss(starts: tf.Tensor, ends: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of the first and the last piece of an answer, the mean of both (BERT, SQuAD).

    Args:
        starts, ends: int32 [batch], positions; they are inside the mask.
        logits: [batch, time, 2].
        mask: float32 [batch, time], 1 at positions that can be an answer; the softmax is over these.
    """
    logits = tf.where(mask[..., None] > 0, tf.cast(logits, tf.float32), -1e9)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.stack([starts, ends], -1), tf.transpose(logits, [0, 2, 1]))
    return weighted_mean(losses, tf.ones_like(losses))


def attention_mse(teacher: tf.Tensor, student: tf.Tensor, mask: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of attention probabilities, over heads and over the pieces attended to.

    Args:
        teacher, student: [batch, time, heads, time], 0 where the last axis is padding.
        mask: float32 [batch, time], 1 at every token that is no padding.
        rows: float32 [batch, time], 1 at those tokens whose attention counts.
    """
    difference = tf.cast(student, tf.float32) - tf.cast(teacher, tf.float32)
    per_token = tf.reduce_sum(tf.reduce_mean(tf.square(difference), -2), -1)
    return weighted_mean(per_token / tf.reduce_sum(mask, -1, keepdims=True), rows)


def distribution_kl(teacher: tf.Tensor, student: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """KL(teacher || student) of the distributions that each token has over the pieces (MiniLM).

    Args:
        teacher, student: [batch, time, ..., time], attention or relations; the mean is over the axes between.
        weights: float32 [batch, time], 1 at every token that is no padding.
    """
    teacher, student = tf.cast(teacher, tf.float32), tf.cast(student, tf.float32)
    divergence = tf.reduce_sum(tf.math.xlogy(teacher, teacher) - teacher * tf.math.log(student + 1e-12), -1)
    per_token = tf.reduce_mean(divergence, tf.range(2, tf.rank(divergence)))
    return weighted_mean(per_token, weights)


def attention_kl(teacher: tf.Tensor, student: tf.Tensor, mask: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """KL(teacher || student) of attention probabilities; arguments as of `attention_mse`."""
    del mask
    return distribution_kl(teacher, student, rows)


ATTENTION_LOSSES = {"mse": attention_mse, "kl": attention_kl}
