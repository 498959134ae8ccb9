"""Encoders out of transformers' own TensorFlow classes: their configurations, and how they are built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.teachers.messages import quiet_transformers
from xtremedistil_tf.training.relations import encoder_layers

# Facts of a configuration that decide nothing about the encoder.
_IRRELEVANT = ("transformers_version", "_name_or_path", "architectures", "dtype", "torch_dtype", "id2label",
               "label2id", "num_labels", "problem_type", "classifier_dropout", "finetuning_task")


def new_encoder(vocab_size: int, hidden_size: int, num_hidden_layers: int, num_attention_heads: int,
                intermediate_size: int = 0, embedding_size: int = 0, max_position_embeddings: int = 512,
                type_vocab_size: int = 2, dropout: float = 0.1, pad_token_id: int = 0) -> dict[str, Any]:
    """The Hugging Face configuration of an encoder that starts from scratch.

    It is a BERT. Where the word embeddings are narrower than the states it is an ELECTRA, which is a BERT
    with just that factorisation (a table [vocab, embedding_size] and a learned map to the hidden size), so
    that both are plain Hugging Face models that any program can load.

    Args:
        vocab_size: rows of the word-embedding table.
        hidden_size: width of the states.
        num_hidden_layers, num_attention_heads: layers, and heads of each.
        intermediate_size: width of the feed-forward layers; 0: four times the hidden size.
        embedding_size: width of the word embeddings; 0: the hidden size.
        max_position_embeddings: longest input in pieces.
        type_vocab_size: segments that can be told apart.
        dropout: rate on states and on attention probabilities.
        pad_token_id: id of the padding piece.

    Raises:
        ConfigError: the heads do not divide the hidden size.
    """
    check_heads(hidden_size, num_attention_heads)
    sizes = {"vocab_size": vocab_size, "hidden_size": hidden_size, "num_hidden_layers": num_hidden_layers,
             "num_attention_heads": num_attention_heads,
             "intermediate_size": intermediate_size or 4 * hidden_size,
             "max_position_embeddings": max_position_embeddings, "type_vocab_size": type_vocab_size,
             "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout,
             "pad_token_id": pad_token_id}
    if embedding_size in (0, hidden_size):
        return {"model_type": "bert"} | sizes
    return {"model_type": "electra", "embedding_size": embedding_size} | sizes


def check_heads(hidden_size: int, num_attention_heads: int) -> None:
    """Raises ConfigError where heads do not divide the width, naming the nearest numbers that do."""
    if hidden_size % num_attention_heads == 0:
        return
    divisors = [n for n in range(1, hidden_size + 1) if hidden_size % n == 0]
    heads = [max(n for n in divisors if n < num_attention_heads)] if num_attention_heads > 1 else []
    heads += [n for n in divisors if n > num_attention_heads][:1]
    below = hidden_size // num_attention_heads * num_attention_heads
    widths = [width for width in (below, below + num_attention_heads) if width]
    raise ConfigError(
        f"`num_attention_heads={num_attention_heads}` does not divide `hidden_size={hidden_size}`. Expected "
        f"{' or '.join(map(str, heads))} heads, or a hidden size of {' or '.join(map(str, widths))}.")


def config_facts(config) -> dict[str, Any]:
    """What of a Hugging Face configuration decides the encoder, JSON-able; `config_of` reads it."""
    return {key: value for key, value in config.to_diff_dict().items() if key not in _IRRELEVANT}


def config_of(facts: Mapping[str, Any]):
    """The Hugging Face configuration with these facts; `model_type` is among them."""
    from transformers import AutoConfig

    return AutoConfig.for_model(**facts)


def make_encoder(config):
    """A built `TF...Model` with fresh weights from the global seed, without its pooler where it has one.

    Raises:
        ConfigError: its layers are not a list, each with weights of its own.
    """
    from transformers import TFAutoModel

    with quiet_transformers():
        encoder = TFAutoModel.from_config(config)
    drop_pooler(encoder)
    encoder_layers(encoder)
    encoder.build_in_name_scope()
    return encoder


def drop_pooler(encoder) -> None:
    """Takes the pooler away where the encoder runs without one: students read the first piece's state."""
    main = getattr(encoder, encoder.base_model_prefix, None)
    if "add_pooling_layer" in inspect.signature(type(main).__init__).parameters:
        main.pooler = None


def is_pooler(variable) -> bool:
    """Whether a variable belongs to a pooler, whose output no student reads."""
    return "/pooler/" in variable.name
