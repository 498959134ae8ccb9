"""Words that stand at no edge of an entity, cut off in a TensorFlow graph, by ops that TensorFlow Lite has built in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tasks.tagging.decoding import entity_rules
from xtremedistil_tf.tasks.tagging.edge_words import EdgeWords, begin_labels
from xtremedistil_tf.tokenization.graph.text import where


class GraphEdgeWords(tf.Module):
    """Does what `edge_words.cut_off` does outside a graph.

    Args:
        edge_words: the words.
        labels: all labels of the task, `O` among them.
    """

    def __init__(self, edge_words: EdgeWords, labels: Sequence[str]):
        super().__init__()
        self._never = edge_words.never_first, edge_words.never_last
        self._joins, self._count = tf.constant(np.ravel(entity_rules(tuple(labels)).joins)), len(labels)
        self._begin_labels, self._outside = tf.constant(begin_labels(labels)), list(labels).index("O")

    def cut_off(self, label_ids: tf.Tensor, begins_text: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """int32 [words]: labels of which no entity begins or ends with a word that never does.

        Args:
            label_ids: int32 [words of all texts].
            begins_text: bool [words of all texts], whether each is the first of its text.
            words: string [words of all texts].
        """
        # A word more: TensorFlow Lite cannot slice what has no elements.
        count = tf.size(label_ids)
        label_ids = tf.concat([label_ids, [self._outside]], 0)
        before = tf.concat([[self._outside], label_ids], 0)[:count + 1]
        begins_text = tf.concat([begins_text, [True]], 0)
        joins = tf.gather(self._joins, before * self._count + label_ids) & ~begins_text
        run, place = tf.cumsum(tf.cast(~joins, tf.int32)) - 1, tf.range(count + 1)
        firsts = where(~joins, place)[0]
        stops = tf.concat([firsts, [count + 1]], 0)[1:]
        may_begin, may_end = (self._allowed(words, never) for never in self._never)
        kept = tf.gather(may_begin, place + 1) > tf.gather(tf.gather(may_begin, firsts), run)
        kept &= tf.gather(tf.gather(may_end, stops), run) > tf.gather(may_end, place)
        begins = kept & joins & ~tf.concat([[False], kept], 0)[:count + 1]
        found = tf.where(kept, label_ids, self._outside)
        return tf.gather(tf.where(begins, tf.gather(self._begin_labels, found), found), tf.range(count))

    def _allowed(self, words: tf.Tensor, never: Sequence[str]) -> tf.Tensor:
        """int32 [words + 2]: how many words before each place are none of `never`; one is added at the end."""
        is_never = tf.zeros_like(words, tf.bool)
        for word in never:
            is_never |= words == word
        allowed = tf.cast(~is_never, tf.int32)
        return tf.concat([[0], tf.cumsum(tf.concat([allowed, [1]], 0))], 0)
