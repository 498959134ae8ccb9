"""Loading the pre-trained models that augmenters use, whole or not at all."""

from __future__ import annotations

from typing import Any

from xtremedistil_tf.batching.ragged import PADDED_TO
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.teachers.checkpoints import resolve_checkpoint
from xtremedistil_tf.teachers.from_pretrained import model_from_pretrained
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.teachers.tokenizers import load_tokenizer


def load_masked_lm(name: str) -> tuple[Any, Any]:
    """A masked language model of transformers and its tokenizer.

    Args:
        name: see `resolve_checkpoint`.

    Raises:
        ModelLoadError: it cannot be found or read, its tokenizer has no mask, transformers has no TensorFlow
            class with a language-model head for its family, or it lacks weights of the encoder or the head.
    """
    import transformers
    from transformers.models.auto.modeling_tf_auto import TF_MODEL_FOR_MASKED_LM_MAPPING_NAMES

    checkpoint = resolve_checkpoint(name)
    tokenizer = load_tokenizer(checkpoint)
    with quiet_transformers(), explained(checkpoint, "the config"):
        config = transformers.AutoConfig.from_pretrained(checkpoint)
    remedy = ("Give a checkpoint of a masked language model with its head, such as "
              "`augment_checkpoint=bert-base-multilingual-cased`.")
    if tokenizer.mask_token_id is None or config.model_type not in TF_MODEL_FOR_MASKED_LM_MAPPING_NAMES:
        raise ModelLoadError(f"{name!r} is a model of type {config.model_type}, which cannot predict masked "
                             f"words here. {remedy}")
    model, missing = _load(transformers.TFAutoModelForMaskedLM, checkpoint, config)
    if missing:
        made_for = next(iter(config.architectures or ()), config.model_type)
        raise ModelLoadError(f"{name!r} ({made_for}) lacks {len(missing)} weights of {type(model).__name__}, "
                             f"so its words would be random: {', '.join(missing[:2])}. Encoders that "
                             "were trained further, such as E5, have lost their language-model head. "
                             f"{remedy}")
    return model, tokenizer


def load_encoder(name: str) -> tuple[Any, Any]:
    """The bare encoder of a checkpoint and its tokenizer.

    Raises:
        ModelLoadError: it cannot be found or read, or lacks weights.
    """
    import transformers

    checkpoint = resolve_checkpoint(name)
    tokenizer = load_tokenizer(checkpoint)
    with quiet_transformers(), explained(checkpoint, "the config"):
        config = transformers.AutoConfig.from_pretrained(checkpoint)
    model, missing = _load(transformers.TFAutoModel, checkpoint, config)
    if missing:
        raise ModelLoadError(f"{name!r} lacks {len(missing)} weights of {type(model).__name__}, which would "
                             f"be random: {', '.join(missing[:3])}. Check that the file is complete.")
    return model, tokenizer


def longest_input(config: Any, tokenizer: Any) -> int:
    """Pieces that a model takes at once, special tokens included; a multiple of `PADDED_TO`."""
    # RoBERTa and its kin count positions from the one after the padding id.
    positions = getattr(config, "max_position_embeddings", 512) - (config.pad_token_id or 0) - 1
    return max(PADDED_TO, min(positions, tokenizer.model_max_length) // PADDED_TO * PADDED_TO)


def _load(model_class: Any, checkpoint: str, config: Any) -> tuple[Any, list[str]]:
    """The model and the names of the weights that did not come from the checkpoint, the pooler's aside."""
    with quiet_transformers(), explained(checkpoint, "the model"):
        model, info = model_from_pretrained(model_class, checkpoint, config=config)
    return model, sorted(key for key in info["missing_keys"] if "pooler" not in key)
