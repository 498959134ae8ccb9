"""The losses of the stages, and the relations between pieces that some of them compare.

All losses are float32 means over the tokens with weight; padding never counts. Where several replicas share a batch, a
replica's loss is its part of the mean over the whole of it: the sum over the replicas is the loss of the batch, and the
sum of their gradients its gradient.

Relations (MiniLM, MiniLMv2) are made of the queries, keys and values of an encoder, which each family keeps elsewhere.
The number of relation heads is free, so that teachers and students of any width and any number of attention heads can
be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from xtremedistil_tf.errors import ConfigError

#: Key of a student's inputs, in training: [batch, time], above 0 where the loss reads an answer. It computes no others.
ANSWERED = "answered"
KINDS = "qkv"
# Where each family keeps its self-attention, and what its projections are called.
_PLACES = ((("self_attention",), ("query", "key", "value")),        # BERT, ELECTRA, RoBERTa, XLM-R, CamemBERT
           (("attn",), ("q", "k", "v")),                            # MPNet
           (("self",), ("query_proj", "key_proj", "value_proj")),   # DeBERTa-v2 and v3
           ((), ("q_lin", "k_lin", "v_lin")))                       # DistilBERT


def answers_where(answered: tf.Tensor, states: tf.Tensor, answer: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """The answers of some pieces, in the places that they have in the batch.

    Args:
        answered: [batch, time], above 0 where an answer is wanted.
        states: [batch, time, width].
        answer: [pieces, width] -> [pieces, outputs].

    Returns:
        [batch, time, outputs], zero where none is wanted.
    """
    places = tf.where(answered > 0)
    answers = answer(tf.gather_nd(states, places))
    shape = tf.concat([tf.shape(answered, places.dtype), [answers.shape[-1]]], 0)
    return tf.scatter_nd(places, answers, shape)


def relations(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, heads: int, mask: tf.Tensor,
              kinds: str = KINDS) -> tf.Tensor:
    """Scaled dot-product relations of queries with queries, keys with keys and values with values.

    softmax(X_h X_h^T / sqrt(d)) for each kind X and each head h of width d = width / heads, over the
    pieces that are no padding.

    Args:
        query, key, value: [batch, time, width].
        heads: relation heads.
        mask: [batch, time], non-zero at pieces.
        kinds: which, out of the letters q, k and v, in order: `qkv` is MiniLMv2, `v` MiniLM.

    Returns:
        float32 [batch, time, kinds, heads, time]; the last axis sums to one, and is 0 at padding.

    Raises:
        ConfigError: the heads do not divide the width.
    """
    states = [dict(zip(KINDS, (query, key, value)))[kind] for kind in kinds]
    width = states[0].shape[-1]
    if width % heads:
        fitting = ", ".join(str(n) for n in range(1, width + 1) if width % n == 0)
        raise ConfigError(f"`relation_heads={heads}` does not divide the width {width}. Expected one of "
                          f"{fitting}.")
    hidden = tf.where(tf.cast(mask, tf.bool), 0.0, -1e9)[:, None, None, :]
    return tf.stack([_relation(tf.cast(x, tf.float32), heads, hidden) for x in states], axis=2)


def _relation(states: tf.Tensor, heads: int, hidden: tf.Tensor) -> tf.Tensor:
    batch, time, width = tf.shape(states)[0], tf.shape(states)[1], states.shape[-1]
    split = tf.transpose(tf.reshape(states, [batch, time, heads, width // heads]), [0, 2, 1, 3])
    scores = tf.matmul(split, split, transpose_b=True) * (width // heads) ** -0.5
    return tf.transpose(tf.nn.softmax(scores + hidden), [0, 2, 1, 3])


def encoder_layers(model: Any) -> list[Any]:
    """The layers of an encoder or of a model with a head on one, bottom first.

    Args:
        model: `TFPreTrainedModel`.

    Raises:
        ConfigError: they are not a list, each with weights of its own.
    """
    main = getattr(model, model.base_model_prefix, model)
    stack = getattr(main, "encoder", None) or getattr(main, "transformer", None)
    layers = getattr(stack, "layer", None)
    if not isinstance(layers, (list, tuple)):
        raise ConfigError(f"the layers of a {type(model).__name__} cannot be read one by one. Use a BERT, "
                          "ELECTRA, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT, MPNet or DeBERTa.")
    return list(layers)


def query_key_value(layer: Any, states: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Queries, keys and values of a layer, each [batch, time, width].

    Args:
        layer: one of `encoder_layers`.
        states: [batch, time, width], what goes into it: the hidden states of the layer below.

    Raises:
        ConfigError: this family makes them otherwise.
    """
    attention, names = _self_attention(layer)
    return tuple(getattr(attention, name)(states) for name in names)


def attention_dropout_holder(layer: Any) -> Any:
    """The sub-layer whose attribute `dropout` is given a layer's attention probabilities.

    Raises:
        ConfigError: this family has none.
    """
    holder = _self_attention(layer)[0]
    if not isinstance(getattr(holder, "dropout", None), _dropout_class()):
        raise ConfigError(f"attention maps of a {type(layer).__name__} cannot be distilled. Omit "
                          "`distil_attention`, or use `distil_relations=qkv`.")
    return holder


def _self_attention(layer: Any) -> tuple[Any, tuple[str, str, str]]:
    for path, names in _PLACES:
        holder = layer.attention
        for name in path:
            holder = getattr(holder, name, None)
        if all(hasattr(holder, name) for name in names):
            return holder, names
    raise ConfigError(f"queries, keys and values of a {type(layer).__name__} cannot be read. For "
                      "`distil_attention` and `distil_relations` use a BERT, ELECTRA, RoBERTa, XLM-RoBERTa, "
                      "CamemBERT, DistilBERT or MPNet.")


def _dropout_class() -> type:
    import tf_keras

    return tf_keras.layers.Dropout


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


def answer_loss(teacher_logits: tf.Tensor, logits: tf.Tensor, weights: tf.Tensor,
                known: tf.Tensor | None = None) -> tf.Tensor:
    """KL(teacher || student) of the distributions over the labels (Hinton et al. 2015).

    Where a teacher does not know all labels, those that it does not know count as one with the first label, `O`: what
    the student gives to any of them is right where the teacher says `O`.

    Args:
        teacher_logits, logits: [batch, time, labels] or [batch, labels].
        weights: float32, of that shape without the last axis.
        known: float32 of the shape of the logits, 1 for labels that are known; None: all are.
    """
    teacher = tf.nn.log_softmax(tf.cast(teacher_logits, tf.float32))
    student = tf.nn.log_softmax(tf.cast(logits, tf.float32))
    if known is None:
        return weighted_mean(tf.reduce_sum(tf.exp(teacher) * (teacher - student), -1), weights)
    alone = tf.concat([tf.zeros_like(known[..., :1]), tf.cast(known[..., 1:], tf.float32)], -1)
    together = _log_sum(teacher, 1 - alone), _log_sum(student, 1 - alone)
    divergence = (tf.reduce_sum(alone * tf.exp(teacher) * (teacher - student), -1)
                  + tf.exp(together[0]) * (together[0] - together[1]))
    return weighted_mean(divergence, weights)


def _log_sum(logs: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Logarithm of the sum of the chosen ones, of which there is at least one."""
    return tf.reduce_logsumexp(tf.where(chosen > 0, logs, -1e9), -1)


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
