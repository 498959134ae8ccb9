"""The best sequence of tags that the tag scheme allows, in a TensorFlow graph."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tasks.tagging.decoding import Transitions


class GraphDecoding(tf.Module):
    """Finds the sequences that `tasks.tagging.decoding.best_sequences` finds outside a graph.

    Only ops that TensorFlow Lite has built in, and only integer tables: it may quantize tables of floats.

    Args:
        rules: which label may follow which.
    """

    def __init__(self, rules: Transitions):
        super().__init__()
        self._rules = rules
        self._anywhere = np.flatnonzero(rules.needs == -1).astype(np.int32)

    def of_sentences(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """int32 [batch, words]: the labels of sentences.

        Args:
            logits: float32 [batch, words, labels], anything beyond a sentence's words.
            lengths: int32 [batch], words of each; may be 0.
        """
        best = tf.argmax(logits, -1, output_type=tf.int32)
        if not self._rules.restricted:
            return best
        counts = tf.sequence_mask(lengths, tf.shape(logits)[1])
        # A batch in which nothing is forbidden as it is, and there are many, needs no loop over its words.
        rows = tf.cast(tf.where(tf.reduce_any(self._is_forbidden(best) & counts, 1))[:, 0], tf.int32)

        def decoded() -> tf.Tensor:
            return tf.tensor_scatter_nd_update(
                best, rows[:, None], self.of_pieces(tf.gather(logits, rows), tf.gather(counts, rows)))

        return tf.cond(tf.size(rows) > 0, decoded, lambda: best)

    def of_pieces(self, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """int32 [batch, time]: the labels of words where only some places answer for one.

        Args:
            logits: float32 [batch, time, labels]; time is at least 1.
            counts: bool [batch, time], whether a place answers for a word. The others repeat the label of the place
                before them, at the beginning `O`.
        """
        if not self._rules.restricted:
            return tf.argmax(logits, -1, output_type=tf.int32)
        logits, counts = tf.transpose(logits, [1, 0, 2]), tf.transpose(counts)
        logits -= tf.reduce_max(logits, -1, keepdims=True)
        labels = self._forward(self._backward(logits, counts), counts)
        return tf.transpose(tf.where(labels == len(self._rules.needs), self._rules.outside, labels))

    def _is_forbidden(self, labels: tf.Tensor) -> tf.Tensor:
        """bool [batch, words]: whether each label must not follow the one before it."""
        before = tf.pad(labels[:, :-1], [[0, 0], [1, 0]], constant_values=len(self._rules.needs))
        needs = tf.gather(self._rules.needs, labels)
        return (needs != -1) & (needs != tf.gather(self._rules.gives, before))

    def _backward(self, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """float32 [time, batch, labels]: of the best sequences that begin at a place with each label, the sum."""
        time, shape = tf.shape(logits)[0], logits.shape[1:]

        def step(number, ahead, sums):
            place = time - 1 - number
            here = logits[place] + ahead
            anywhere = tf.reduce_max(tf.gather(here, self._anywhere, axis=1), -1, keepdims=True)
            best = tf.gather(tf.concat([here, anywhere], 1), self._rules.successors, axis=1)
            ahead = tf.where(counts[place][:, None], tf.reduce_max(best, -1), ahead)
            return number + 1, ahead, sums.write(place, here)

        start = 0, tf.zeros_like(logits[0]), tf.TensorArray(tf.float32, time, element_shape=shape)
        return tf.while_loop(lambda number, *_: number < time, step, start)[2].stack()

    def _forward(self, sums: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        """int32 [time, batch]: at each place the label with the best sum of those that may follow."""
        time, shape = tf.shape(sums)[0], sums.shape[1:2]
        needs = tf.constant(self._rules.needs)

        def step(place, previous, labels):
            allowed = (needs == -1) | (needs == tf.gather(self._rules.gives, previous)[:, None])
            found = tf.argmax(tf.where(allowed, sums[place], -np.inf), -1, output_type=tf.int32)
            previous = tf.where(counts[place], found, previous)
            return place + 1, previous, labels.write(place, previous)

        start = (0, tf.fill(tf.shape(sums)[1:2], len(self._rules.needs)),
                 tf.TensorArray(tf.int32, time, element_shape=shape))
        return tf.while_loop(lambda place, *_: place < time, step, start)[2].stack()
