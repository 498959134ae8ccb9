"""Merging the tags of words into entities, in a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from xtremedistil_tf.export.signatures.frame import parts_of
from xtremedistil_tf.tasks.tagging.entities import entity_rules


class GraphEntities(tf.Module):
    """Finds the entities that `tasks.tagging.entities.entities` finds outside a graph.

    Args:
        labels: all labels of the task.
    """

    def __init__(self, labels: Sequence[str]):
        super().__init__()
        rules = entity_rules(tuple(labels))
        self._types, self._begins = tf.constant(rules.types), tf.constant(rules.begins)
        self._joins = tf.constant(rules.joins)

    def find(self, texts: tf.Tensor, label_ids: tf.RaggedTensor, scores: tf.Tensor, starts: tf.Tensor,
             ends: tf.Tensor) -> dict[str, tf.Tensor]:
        """The entities of each text.

        Args:
            texts: string [batch], UTF-8; malformed bytes count as U+FFFD.
            label_ids: ragged int32 [batch, words].
            scores: float32 [all words], of each word's label.
            starts, ends: int32 [all words], characters of the text where each word starts and ends.

        Returns:
            `entities`, `entity_types`, `entity_scores`, `entity_starts`, `entity_ends`, padded to
            [batch, entities], and `entity_counts`; see `export_saved_model`.
        """
        run, firsts, lasts = self._runs(label_ids.values, label_ids.value_rowids())
        first_labels = tf.gather(label_ids.values, firsts)
        is_entity = tf.gather(self._begins, first_labels)
        firsts, lasts = tf.boolean_mask(firsts, is_entity), tf.boolean_mask(lasts, is_entity)
        rows = tf.gather(label_ids.value_rowids(), firsts)
        starts, ends = tf.gather(starts, firsts), tf.gather(ends, lasts)
        types = tf.gather(self._types, tf.boolean_mask(first_labels, is_entity))
        scores = tf.boolean_mask(tf.math.segment_mean(scores, run), is_entity)
        by_text = tf.RaggedTensor.from_value_rowids(starts, rows, nrows=label_ids.nrows(), validate=False)

        def padded(values, padding):
            return by_text.with_values(values).to_tensor(padding)

        return {"entities": padded(_substrings(texts, rows, starts, ends), ""),
                "entity_types": padded(types, ""), "entity_scores": padded(scores, -1.0),
                "entity_starts": padded(starts, -1), "entity_ends": padded(ends, -1),
                "entity_counts": tf.cast(by_text.row_lengths(), tf.int32)}

    def _runs(self, label_ids: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """int32 [words], the run of each word, and int32 [runs], the first and the last word of each."""
        before, count = tf.roll(label_ids, 1, 0), tf.size(label_ids)
        joins = tf.gather_nd(self._joins, tf.stack([before, label_ids], -1))
        joins &= (rows == tf.roll(rows, 1, 0)) & (tf.range(count) > 0)
        firsts = tf.cast(tf.where(~joins)[:, 0], tf.int32)
        stops = tf.concat([firsts, [count]], 0)[1:]
        return tf.cumsum(tf.cast(~joins, tf.int32)) - 1, firsts, stops - 1


def _substrings(texts: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
    """string [parts]: characters [start, end) of the text that each part is of."""
    # tf.strings.substr would need a copy of the whole text for every part.
    characters = tf.strings.unicode_decode(texts, "UTF-8")
    return tf.strings.unicode_encode(parts_of(characters, rows, starts, ends), "UTF-8")
