"""Relations between the pieces of an input (MiniLM, MiniLMv2), and where encoders keep what they are made of.

The number of relation heads is free, so that teachers and students of any width and any number of
attention heads can be compared.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from xtremedistil_tf.errors import ConfigError

KINDS = "qkv"

# Where each family keeps its self-attention, and what its projections are called.
_PLACES = ((("self_attention",), ("query", "key", "value")),        # BERT, ELECTRA, RoBERTa, XLM-R, CamemBERT
           (("attn",), ("q", "k", "v")),                            # MPNet
           (("self",), ("query_proj", "key_proj", "value_proj")),   # DeBERTa-v2 and v3
           ((), ("q_lin", "k_lin", "v_lin")))                       # DistilBERT


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
