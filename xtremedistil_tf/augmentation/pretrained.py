"""The pre-trained models that augmenters use, and sentence embeddings from them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.checkpoints.reading import explained, model_from_pretrained, quiet_transformers
from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.tokenization.texts import encode_texts
from xtremedistil_tf.training.batches import PADDED_TO, Column, RaggedFeatures, run_over


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
        config = transformers.AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
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
        config = transformers.AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)
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


class SentenceEncoder:
    """Callable: texts -> float32 [texts, width], special tokens being part of the mean, not normalised.

    Args:
        checkpoint: name, see `resolve_checkpoint`; loaded when first needed.
        prefix: put before each text, such as `query: ` for E5.
        max_length: most pieces of a text, the rest is cut.
        batch_size: most texts in a batch.

    Raises (when first needed):
        ModelLoadError: see `load_encoder`.
    """

    def __init__(self, checkpoint: str, prefix: str = "", max_length: int = 128, batch_size: int = 64):
        self._checkpoint, self._prefix = checkpoint, prefix
        self._max_length, self._batch_size = max_length, batch_size

    @functools.cached_property
    def identity(self) -> str:
        """16 hex digits over all that the embeddings depend on."""
        checkpoint = checkpoint_fingerprint(resolve_checkpoint(self._checkpoint))
        return fingerprint([checkpoint, self._prefix, self._max_length])

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        model, tokenizer = self._loaded
        limit = min(self._max_length, longest_input(model.config, tokenizer))
        encoded = encode_texts(tokenizer, (self._prefix + text for text in texts), [None] * len(texts), limit)
        columns = {"input_ids": Column(np.int32)}
        source = RaggedFeatures.from_rows([{"input_ids": text.ids} for text in encoded], columns)
        vectors = np.zeros((len(texts), model.config.hidden_size), np.float32)
        for index, outputs in run_over(self._forward, source, self._batch_size, tokenizer.pad_token_id,
                                       {"mean": False}):
            vectors[index] = outputs["mean"]
        return vectors

    @functools.cached_property
    def _loaded(self) -> tuple[Any, Any]:
        return load_encoder(self._checkpoint)

    @functools.cached_property
    def _forward(self) -> Any:
        import tensorflow as tf

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 2)
        def run(ids: Any, attention: Any) -> dict[str, Any]:
            encoder = self._loaded[0]
            states = encoder(input_ids=ids, attention_mask=attention, training=False).last_hidden_state
            weights = tf.cast(attention, states.dtype)[..., None]
            return {"mean": tf.reduce_sum(states * weights, 1) / tf.reduce_sum(weights, 1)}

        return lambda batch: run(batch["input_ids"], batch["attention_mask"])
