"""A masked language model that says which whole words may stand in masked places."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xtremedistil_tf.augmentation.pretrained import load_masked_lm, longest_input
from xtremedistil_tf.augmentation.whole_words import WholeWords
from xtremedistil_tf.batching.inference import run_over
from xtremedistil_tf.batching.ragged import Column, RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf

# Logits of a batch: pieces times vocabulary, 119,547 of multilingual BERT.
_MOST_LOGITS = 1 << 26


class Likely(NamedTuple):
    """Rows of `WholeWords` for each masked place, int32 [masks, most], best first; their logits, float32."""

    rows: np.ndarray
    scores: np.ndarray


class MaskedLanguageModel:
    """A checkpoint with a language-model head.

    Args:
        checkpoint: name, see `load_masked_lm`.
        batch_size: most sentences in a batch.

    Raises:
        ModelLoadError: see `load_masked_lm`; no piece of the vocabulary is a word.
    """

    def __init__(self, checkpoint: str, batch_size: int):
        self._model, self.tokenizer = load_masked_lm(checkpoint)
        self.words = WholeWords.of(self.tokenizer)
        self.max_length = longest_input(self._model.config, self.tokenizer)
        self._batch_size = batch_size
        self._row_of_id = np.zeros(self._model.config.vocab_size, np.int32)
        self._row_of_id[self.words.ids] = np.arange(len(self.words.ids))
        # Kept by the instance: a cache of the class would keep the model after its last user.
        self._forward = functools.lru_cache(maxsize=2)(self._traced)

    def likely(self, sentences: Sequence[np.ndarray], most: int) -> list[Likely]:
        """The most likely whole words in the masked places of each sentence, in order.

        Args:
            sentences: each int32 [pieces], with special tokens, at most `max_length`.
            most: words to return for each place; fewer where the vocabulary has fewer.
        """
        if not sentences:
            return []
        mask = self.tokenizer.mask_token_id
        columns = {"input_ids": Column(np.int32), "masked": Column(np.int32)}
        rows = [{"input_ids": ids, "masked": ids == mask} for ids in sentences]
        source = RaggedFeatures.from_rows(rows, columns)
        longest = int(source.lengths.max(initial=1))
        batch = max(1, min(self._batch_size, _MOST_LOGITS // (longest * len(self._row_of_id))))
        forward = self._forward(min(most, len(self.words.ids)))
        answers: list[Likely | None] = [None] * len(sentences)
        for index, outputs in run_over(forward, source, batch, self.tokenizer.pad_token_id,
                                       {"ids": True, "scores": True}):
            places = sentences[index] == mask
            answers[index] = Likely(self._row_of_id[outputs["ids"][places]], outputs["scores"][places])
        return answers

    def _traced(self, most: int) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
        import tensorflow as tf

        forbidden = np.full(len(self._row_of_id), -np.inf, np.float32)
        forbidden[self.words.ids] = 0

        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)] * 3)
        def run(ids: tf.Tensor, attention: tf.Tensor, masked: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = self._model(input_ids=ids, attention_mask=attention, training=False).logits
            places = tf.where(masked > 0)
            # Only masked places are ranked: to rank a vocabulary costs more than to score it.
            best = tf.math.top_k(tf.cast(tf.gather_nd(logits, places), tf.float32) + forbidden, most)
            shape = tf.concat([tf.shape(ids, tf.int64), [most]], axis=0)
            return {"ids": tf.scatter_nd(places, best.indices, shape),
                    "scores": tf.scatter_nd(places, best.values, shape)}

        return lambda batch: run(batch["input_ids"], batch["attention_mask"], batch["masked"])
