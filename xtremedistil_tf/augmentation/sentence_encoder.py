"""Sentence embeddings: the mean of an encoder's last states."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.pretrained import load_encoder, longest_input
from xtremedistil_tf.batching.inference import run_over
from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.teachers.checkpoints import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.tokenization.texts import encode_texts


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
