"""Joining pieces to inputs of the student, in a TensorFlow graph."""

from __future__ import annotations

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
        lengths = [tf.cast(text.row_lengths(), tf.int32) for text in texts]
        total = tf.add_n(lengths) + len(self.frame)
        time = tf.maximum(tf.reduce_max(total), 1)
        place, begin = tf.range(time), tf.zeros_like(total)
        # Each part is written to the end of the row, then the next one over what is behind it.
        ids = types = tf.zeros(tf.stack([tf.size(total), time]), tf.int32)
        for number, (tokens, token_types) in enumerate(zip(self.frame.special, self.frame.special_types)):
            for token, token_type in zip(tokens.tolist(), token_types.tolist()):
                is_behind = place >= begin[:, None]
                ids, types = tf.where(is_behind, token, ids), tf.where(is_behind, token_type, types)
                begin += 1
            if number < len(texts):
                is_behind = place >= begin[:, None]
                ids = tf.where(is_behind, shifted(texts[number], begin, time), ids)
                types = tf.where(is_behind, self.frame.text_types[number], types)
                begin += lengths[number]
        is_real = place < total[:, None]
        return {"input_ids": tf.where(is_real, ids, self._pad_id),
                "attention_mask": tf.cast(is_real, tf.int32),
                "token_type_ids": tf.where(is_real, types, 0)}

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


def shifted(values: tf.RaggedTensor, by: tf.Tensor, time: tf.Tensor) -> tf.Tensor:
    """Ragged [rows, n] -> [rows, time], each row moved to the right by its number in `by`, int32 [rows]; else
    0 or false."""
    place = tf.range(time) - by[:, None]
    inside = (place >= 0) & (place < tf.cast(values.row_lengths(), tf.int32)[:, None])
    index = tf.where(inside, tf.cast(values.row_starts(), tf.int32)[:, None] + place, tf.size(values.values))
    return tf.gather(tf.concat([values.values, tf.zeros([1], values.dtype)], 0), index)
