"""Signatures for tagging."""

from __future__ import annotations

import tensorflow as tf

from xtremedistil_tf.export.signatures.frame import GraphFrame, parts_of
from xtremedistil_tf.export.signatures.student import Signatures
from xtremedistil_tf.export.signatures.windows import ENDLESS, word_windows


class TaggingSignatures(Signatures):
    """One tag for each white-space word, however long the text; see `export_saved_model`."""

    whole_texts = False

    def __init__(self, student, tokenizer, task, wordpiece, pairs: bool = False):
        super().__init__(student, task, wordpiece)
        self.labels = tf.constant(task.labels)
        self._outside = task.labels.index("O") if "O" in task.labels else 0
        if wordpiece is not None:
            self._frame = GraphFrame(tokenizer, pair=False)
            self._room = self._frame.room(student.max_length)

    def answers(self, logits):
        return {"logits": logits, "probabilities": tf.nn.softmax(logits),
                "label_ids": tf.argmax(logits, -1, output_type=tf.int32)}

    def raw_strings(self, texts):
        split = self.wordpiece.tokenize(texts)
        logits = self._logits_of_words(split["pieces"])
        has_pieces = split["pieces"].row_lengths(axis=2).to_tensor() > 0
        label_ids = tf.where(has_pieces, tf.argmax(logits, -1, output_type=tf.int32), self._outside)
        scores = tf.where(has_pieces, tf.reduce_max(tf.nn.softmax(logits), -1), 1.0)
        counts = tf.cast(split["words"].row_lengths(), tf.int32)
        is_word = tf.sequence_mask(counts)
        return {"words": split["words"].to_tensor(""),
                "tags": tf.where(is_word, tf.gather(self.labels, label_ids), ""),
                "scores": tf.where(is_word, scores, -1.0),
                "starts": split["starts"].to_tensor(-1), "ends": split["ends"].to_tensor(-1),
                "word_counts": counts}

    def _logits_of_words(self, pieces: tf.RaggedTensor) -> tf.Tensor:
        """Ragged int32 [batch, words, pieces] -> float32 [batch, words, labels]; anything for a word without
        pieces."""
        joined, counts = pieces.merge_dims(1, 2), pieces.row_lengths(axis=2)
        before_row = tf.gather(joined.row_starts(), counts.value_rowids())
        stops = tf.cast(counts.with_values(tf.cumsum(counts.values) - before_row), tf.int32)
        starts = tf.cast(stops - tf.cast(counts, tf.int32), tf.int32).to_tensor(ENDLESS)
        totals = tf.cast(joined.row_lengths(), tf.int32)
        windows, window_of_word = word_windows(starts, stops.to_tensor(ENDLESS), totals, self._room)
        logits = self.logits(self._frame.join(parts_of(joined, *windows)))
        places = starts - tf.gather(windows.starts, window_of_word) + len(self._frame.frame.special[0])
        # Padding and words without pieces have no place: the first one is as good as any.
        places = tf.where(counts.to_tensor() > 0, places, 0)
        return tf.gather_nd(logits, tf.stack([window_of_word, places], -1))
