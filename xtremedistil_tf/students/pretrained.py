"""Students that start from a pre-trained checkpoint, whole or with some of its layers left out."""

from __future__ import annotations

import re
from typing import Any

from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.students.encoders import config_facts, drop_pooler
from xtremedistil_tf.teachers.from_pretrained import model_from_pretrained
from xtremedistil_tf.teachers.loading import find_word_embeddings
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.teachers.tokenizers import load_tokenizer


def checkpoint_encoder(checkpoint: str, tokenizer, num_hidden_layers: int = 0,
                       new_word_embeddings: bool = False) -> dict[str, Any]:
    """The configuration of a student that starts from a checkpoint, for `TransformerShape.encoder`.

    Args:
        checkpoint: what `teachers.checkpoints.resolve_checkpoint` returned.
        tokenizer: the run's tokenizer, which is the teacher's.
        num_hidden_layers: layers to keep; 0: all.
        new_word_embeddings: the table is going to be replaced by one for the run's tokenizer.

    Raises:
        ConfigError: the checkpoint has another vocabulary, or fewer layers.
        ModelLoadError: it cannot be found or read.
    """
    from transformers import AutoConfig

    with quiet_transformers(), explained(checkpoint, "the config"):
        config = AutoConfig.from_pretrained(checkpoint)
    if num_hidden_layers > config.num_hidden_layers:
        raise ConfigError(f"`num_hidden_layers={num_hidden_layers}`: {checkpoint!r} has "
                          f"{config.num_hidden_layers} layers. Give at most that many, or omit it for "
                          "all of them.")
    if num_hidden_layers:
        config.num_hidden_layers = num_hidden_layers
    if new_word_embeddings:
        config.vocab_size, config.pad_token_id = len(tokenizer), tokenizer.pad_token_id
    else:
        _check_vocabulary(checkpoint, config, tokenizer)
    return config_facts(config)


def load_encoder(student, checkpoint: str) -> None:
    """Gives a transformer student the weights of a checkpoint.

    Where the student has fewer layers, those that it gets are evenly spaced and the checkpoint's top one
    is among them (of 12 for 6: the 2nd, 4th, ... 12th). A word-embedding table of another shape is left
    as it is in the student, to be set.

    Args:
        student: built student whose shape came from `checkpoint_encoder`.
        checkpoint: what that was called with.

    Raises:
        ModelLoadError: the checkpoint cannot be read, or lacks weights of the encoder.
    """
    with quiet_transformers(), explained(checkpoint, "the student"):
        encoder, info = model_from_pretrained(_auto_model(), checkpoint)
        loaded = len(encoder.weights)
        encoder(encoder.dummy_inputs, training=False)
        _check_loaded(encoder, info, loaded, checkpoint)
        drop_pooler(encoder)
    found = {_path(variable): variable for variable in encoder.variables}
    kept = kept_layers(student.shape.num_hidden_layers, encoder.config.num_hidden_layers)
    table = find_word_embeddings(encoder)
    for variable in student.encoder.variables:
        source = found.get(_path(variable, kept))
        if source is None:
            raise ModelLoadError(f"{checkpoint!r}: found no weights for {variable.name} of the student. "
                                 "Check that config.json and the weights come from the same checkpoint.")
        if source is not table or source.shape == variable.shape:
            variable.assign(source)


def kept_layers(count: int, total: int) -> list[int]:
    """Indices of `count` evenly spaced layers out of `total`, the top one among them."""
    return [(i + 1) * total // count - 1 for i in range(count)]


def _path(variable, kept: list[int] | None = None) -> str:
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
    advice = ("Student and teacher read the same pieces: give a checkpoint with the teacher's vocabulary, or "
              "`compress_word_embedding`, which derives the student's word embeddings from the teacher's.")
    if config.vocab_size < len(tokenizer):
        raise ConfigError(f"`pt_student_checkpoint={checkpoint}`: has {config.vocab_size} word embeddings, "
                          f"the teacher's tokenizer {len(tokenizer)} pieces. {advice}")
    try:
        own = load_tokenizer(checkpoint).get_vocab()
    except ModelLoadError:
        return  # a checkpoint without a tokenizer: its size is all there is to compare
    theirs = tokenizer.get_vocab()
    different = [piece for piece, number in theirs.items() if own.get(piece) != number]
    if different:
        raise ConfigError(f"`pt_student_checkpoint={checkpoint}`: {len(different)} of the teacher's "
                          f"{len(theirs)} pieces have another index in its vocabulary or none, such as "
                          f"{different[0]!r}. {advice}")
