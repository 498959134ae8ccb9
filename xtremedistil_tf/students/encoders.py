"""Encoders out of transformers' own TensorFlow classes: built anew, or begun from a pre-trained checkpoint."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.checkpoints.reading import (
    explained,
    find_word_embeddings,
    model_from_pretrained,
    quiet_transformers,
)
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.training.losses import encoder_layers

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
        encoder = TFAutoModel.from_config(config, trust_remote_code=False)
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


def checkpoint_encoder(checkpoint: str, tokenizer, num_hidden_layers: int = 0, new_word_embeddings: bool = False,
                       dropout: float | None = None) -> dict[str, Any]:
    """The configuration of a student that starts from a checkpoint, for `TransformerShape.encoder`.

    Args:
        checkpoint: what `checkpoints.finding.resolve_checkpoint` returned.
        tokenizer: the run's tokenizer, which is the teacher's.
        num_hidden_layers: layers to keep; 0: all.
        new_word_embeddings: the table is going to be replaced by one for the run's tokenizer.
        dropout: rate on states and on attention probabilities; None: the checkpoint's own rates.

    Raises:
        ConfigError: the checkpoint has another vocabulary, fewer layers, or no class in TensorFlow.
        ModelLoadError: it cannot be found or read.
    """
    from transformers import TF_MODEL_MAPPING, AutoConfig

    with quiet_transformers(), explained(checkpoint, "the config"):
        config = AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
    if type(config) not in TF_MODEL_MAPPING:
        raise ConfigError(f"{checkpoint!r} cannot be a student: transformers has {config.model_type} in PyTorch only, "
                          "and students are TensorFlow models. Expected a checkpoint of another type as "
                          "`pt_student_checkpoint`; omit it for a student that is made anew.")
    if num_hidden_layers > config.num_hidden_layers:
        raise ConfigError(f"`num_hidden_layers={num_hidden_layers}`: {checkpoint!r} has "
                          f"{config.num_hidden_layers} layers. Give at most that many, or omit it for "
                          "all of them.")
    if num_hidden_layers:
        config.num_hidden_layers = num_hidden_layers
    if dropout is not None:
        # Each family has names of its own for them.
        for name in [name for name, value in vars(config).items() if "dropout" in name and value is not None]:
            setattr(config, name, dropout)
    if new_word_embeddings:
        config.vocab_size, config.pad_token_id = len(tokenizer), tokenizer.pad_token_id
    else:
        _check_vocabulary(checkpoint, config, tokenizer)
    return config_facts(config)


def load_encoder(student, checkpoint: str, layers: str = "spaced") -> None:
    """Gives a transformer student the weights of a checkpoint.

    A word-embedding table of another shape is left as it is in the student, to be set.

    Args:
        student: built student whose shape came from `checkpoint_encoder`.
        checkpoint: what that was called with.
        layers: which layers a student with fewer of them gets, see `kept_layers`.

    Raises:
        ModelLoadError: the checkpoint cannot be read, or lacks weights of the encoder.
    """
    with quiet_transformers(), explained(checkpoint, "the student"):
        encoder, info = model_from_pretrained(_auto_model(), checkpoint)
        loaded = len(encoder.weights)
        encoder(encoder.dummy_inputs, training=False)
        _check_loaded(encoder, info, loaded, checkpoint)
        drop_pooler(encoder)
    found = {_variable_path(variable): variable for variable in encoder.variables}
    kept = kept_layers(student.shape.num_hidden_layers, encoder.config.num_hidden_layers, layers)
    table = find_word_embeddings(encoder)
    for variable in student.encoder.variables:
        source = found.get(_variable_path(variable, kept))
        if source is None:
            raise ModelLoadError(f"{checkpoint!r}: found no weights for {variable.name} of the student. "
                                 "Check that config.json and the weights come from the same checkpoint.")
        if source is not table or source.shape == variable.shape:
            variable.assign(source)


def kept_layers(count: int, total: int, layers: str = "spaced") -> list[int]:
    """Indices of `count` layers out of `total`.

    Args:
        layers: spaced, evenly spaced with the top one among them (of 12 for 6: the 2nd, 4th, ... 12th); lower, the
            lowest.
    """
    if layers == "lower":
        return list(range(count))
    return [(i + 1) * total // count - 1 for i in range(count)]


def _variable_path(variable, kept: list[int] | None = None) -> str:
    """Name of a variable without the model's own scope, with layers renumbered to those they come from."""
    path = variable.name.split("/", 1)[1]
    if kept is None:
        return path
    return re.sub(r"layer_\._(\d+)", lambda match: f"layer_._{kept[int(match[1])]}", path, count=1)


def _auto_model():
    from transformers import TFAutoModel

    return TFAutoModel


def _check_loaded(encoder, info: dict[str, list], loaded: int, checkpoint: str) -> None:
    """Raises if any weight of the encoder but the pooler's, which no student reads, is random."""
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    missing += [found[0] for found in info["mismatched_keys"]]
    if missing or len(encoder.weights) != loaded:
        raise ModelLoadError(
            f"{checkpoint!r}: {len(missing) or len(encoder.weights) - loaded} weights of the encoder are "
            "missing or of the wrong shape and would be "
            f"random{': ' if missing else ''}{', '.join(missing[:3])}. Check that config.json and the "
            "weights come from the same checkpoint and that the file is complete.")


def _check_vocabulary(checkpoint: str, config, tokenizer) -> None:
    advice = ("Student and teacher read the same subwords: give a checkpoint with the teacher's vocabulary, or "
              "`compress_word_embedding`, which derives the student's word embeddings from the teacher's.")
    if config.vocab_size < len(tokenizer):
        raise ConfigError(f"`pt_student_checkpoint={checkpoint}`: has {config.vocab_size} word embeddings, "
                          f"the teacher's tokenizer {len(tokenizer)} subwords. {advice}")
    try:
        own = load_tokenizer(checkpoint).get_vocab()
    except ModelLoadError:
        return  # a checkpoint without a tokenizer: its size is all there is to compare
    theirs = tokenizer.get_vocab()
    different = [piece for piece, number in theirs.items() if own.get(piece) != number]
    if different:
        raise ConfigError(f"`pt_student_checkpoint={checkpoint}`: {len(different)} of the teacher's "
                          f"{len(theirs)} subwords have another index in its vocabulary or none, such as "
                          f"{different[0]!r}. {advice}")
