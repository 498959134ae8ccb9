"""Signatures for what answers whole texts and pairs of texts."""

from __future__ import annotations

import tensorflow as tf

from xtremedistil_tf.export.signatures.frame import GraphFrame, parts_of
from xtremedistil_tf.export.signatures.student import Signatures, check_same_size


class TextSignatures(Signatures):
    """One answer for a whole input; see `export_saved_model`."""

    def __init__(self, student, tokenizer, task, tokenizer_graph, pairs: bool = False):
        super().__init__(student, task, tokenizer_graph)
        self.raw_inputs = ("texts", "pairs") if pairs else ("texts",)
        if tokenizer_graph is not None:
            self._frame = GraphFrame(tokenizer, pairs)
            self._room = self._frame.room(student.max_length)

    def raw_strings(self, texts, pairs=None):
        return self.named(self._logits_of_texts(*([texts] if pairs is None else [texts, pairs])))

    def named(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """The outputs of `raw_strings`."""
        return self.answers(logits)

    def _logits_of_texts(self, *texts: tf.Tensor) -> tf.Tensor:
        """float32 [batch, outputs]; longer texts than the student takes are cut."""
        check_same_size(self.raw_inputs, texts)
        pieces = [self.tokenizer_graph.tokenize_texts(text)["pieces"] for text in texts]
        kept = [tf.cast(part.row_lengths(), tf.int32) for part in pieces]
        if self._room is not None:
            kept = [tf.minimum(kept[0], self._room)] if len(kept) == 1 else _longest_first(*kept, self._room)
        parts = [parts_of(part, tf.range(tf.size(stops)), tf.zeros_like(stops), stops)
                 for part, stops in zip(pieces, kept)]
        return self.logits(self._frame.join(*parts))


def _longest_first(first: tf.Tensor, second: tf.Tensor, room: int) -> list[tf.Tensor]:
    """int32 [batch] each: how many pieces of each two texts are kept, as `encode_texts` cuts them."""
    short = tf.minimum(first, second)
    long = tf.maximum(short, room - short)
    both_long = short + long > room
    short, long = tf.where(both_long, room // 2, short), tf.where(both_long, room - room // 2, long)
    kept = (tf.where(first > second, long, short), tf.where(first > second, short, long))
    return [tf.minimum(first, kept[0]), tf.minimum(second, kept[1])]
