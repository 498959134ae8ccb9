"""Joining pieces to inputs of the student, in a TensorFlow graph."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.frame import Frame


class GraphFrame:
    """Puts a tokenizer's special tokens around texts, as `Frame` does outside a graph.

    Args:
        tokenizer: fast tokenizer of transformers.
        pair: whether two texts are joined.
    """

    def __init__(self, tokenizer, pair: bool):
        self.frame = Frame.of(tokenizer, pair)
        self._pad_id = tokenizer.pad_token_id

    def join(self, *texts: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """Ragged int32 [rows, pieces] of each text -> `input_ids`, `attention_mask`, `token_type_ids`, int32
        [rows, time], padded on the right; time is at least 1."""
        rows = texts[0].nrows()
        ids, types = [_repeat(self.frame.special[0], rows)], [_repeat(self.frame.special_types[0], rows)]
        for number, text in enumerate(texts):
            text_types = text.with_values(tf.fill(tf.shape(text.values), self.frame.text_types[number]))
            ids += [text, _repeat(self.frame.special[number + 1], rows)]
            types += [text_types, _repeat(self.frame.special_types[number + 1], rows)]
        ids, types = tf.concat(ids, 1), tf.concat(types, 1)
        lengths = ids.row_lengths()
        time = tf.maximum(tf.reduce_max(lengths), 1)
        shape = tf.stack([rows, time])
        return {"input_ids": ids.to_tensor(self._pad_id, shape=shape),
                "attention_mask": tf.sequence_mask(lengths, time, tf.int32),
                "token_type_ids": types.to_tensor(0, shape=shape)}

    def room(self, max_length: int | None) -> int | None:
        """How many pieces of text fit; None: no limit."""
        return None if max_length is None else self.frame.room(max_length)


def parts_of(texts: tf.RaggedTensor, rows: tf.Tensor, starts: tf.Tensor, stops: tf.Tensor) -> tf.RaggedTensor:
    """Parts of texts.

    Args:
        texts: ragged int32 [texts, pieces].
        rows, starts, stops: int [parts], the text that each part is of, its first piece and the one after
            its last.

    Returns:
        Ragged int32 [parts, pieces].
    """
    begins = tf.gather(texts.row_starts(), rows)
    pieces = tf.ragged.range(begins + tf.cast(starts, tf.int64), begins + tf.cast(stops, tf.int64))
    return pieces.with_values(tf.gather(texts.values, pieces.values))


def _repeat(tokens: np.ndarray, rows: tf.Tensor) -> tf.Tensor:
    """int32 [tokens] -> [rows, tokens]."""
    return tf.tile(tf.constant(tokens, tf.int32)[None], [rows, 1])
