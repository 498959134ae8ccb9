"""Finding added tokens ("<s>", "<mask>" ...) in text, in a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import (
    FIRST_ADDED,
    Text,
    begin_indices,
    begins_group,
    marked,
    repeated,
    where,
    white_space,
)
from xtremedistil_tf.tokenization.graph.trie import Trie, on_paths


class AddedTokens:
    """Finds added tokens: of those that overlap the first, of those that begin together the longest.

    Args:
        tokens: in the form of the tokenizer's file, by their numbers in the text.
        contents: what is sought for each.
    """

    def __init__(self, tokens: dict[int, dict[str, Any]], contents: Sequence[str]):
        self._trie = Trie(contents)
        self._characters = tf.constant([FIRST_ADDED + number for number in tokens], tf.int32)
        self._lstrip = tf.constant([token["lstrip"] for token in tokens.values()])
        self._rstrip = tf.constant([token["rstrip"] for token in tokens.values()])
        self._is_white_space = white_space()

    def __call__(self, text: Text) -> Text:
        """Puts one character, a segment of its own, in the place of each token found."""
        size = tf.size(text.segment, tf.int64)
        bounds = tf.concat([begin_indices(text.segment), [size]], 0)
        limits = tf.gather(bounds, repeated(bounds[1:] - bounds[:-1]) + 1)
        starts, lengths, tokens = self._trie.matches(text.characters, tf.range(size), limits)
        return tf.cond(tf.size(starts) > 0, lambda: self._replace(text, starts, lengths, tokens, limits),
                       lambda: text)

    def _replace(self, text, starts, lengths, tokens, limits) -> Text:
        # Longer matches come later: of those that begin together the last is the longest.
        order = tf.argsort(starts, stable=True)
        starts, lengths, tokens = (tf.gather(values, order) for values in (starts, lengths, tokens))
        last = tf.concat([tf.not_equal(starts[1:], starts[:-1]), [True]], 0)
        starts, ends, tokens = where(last, starts, starts + lengths, tokens)
        # From each match to the next that does not overlap it; the last one leads to itself.
        following = tf.searchsorted(starts, ends, out_type=tf.int64)
        index = tf.range(tf.size(starts, tf.int64))
        links = tf.where(following < tf.size(starts, tf.int64), following, index)
        taken = on_paths(links, tf.constant([0], tf.int64), tf.size(starts))
        starts, ends, tokens = where(taken, starts, ends, tokens)
        starts, ends = self._strip(text, starts, ends, tokens, limits)
        return self._contract(text, starts, ends, tf.gather(self._characters, tokens))

    def _strip(self, text, starts, ends, tokens, limits):
        """Takes in the white space beside tokens that ask for it."""
        size = tf.size(limits, tf.int64)
        solid = tf.where(tf.logical_not(self._is_white_space(text.characters)))[:, 0]
        after = tf.concat([solid, [size]], 0)
        after = tf.gather(after, tf.searchsorted(solid, ends, out_type=tf.int32))
        after = tf.minimum(after, tf.gather(limits, starts))
        before = tf.concat([[tf.constant(-1, tf.int64)], solid], 0)
        before = tf.gather(before, tf.searchsorted(solid, starts, out_type=tf.int32)) + 1
        segment_starts = begin_indices(text.segment)
        own = tf.gather(segment_starts, tf.searchsorted(segment_starts, starts, side="right") - 1)
        ends = tf.where(tf.gather(self._rstrip, tokens), after, ends)
        previous_end = tf.concat([[tf.constant(0, tf.int64)], ends[:-1]], 0)
        before = tf.maximum(tf.maximum(before, own), previous_end)
        return tf.where(tf.gather(self._lstrip, tokens), before, starts), ends

    def _contract(self, text: Text, starts, ends, characters) -> Text:
        places = starts[:, None]
        aligned = tf.gather(text.ends, ends - 1)
        text = text._replace(characters=tf.tensor_scatter_nd_update(text.characters, places, characters),
                             ends=tf.tensor_scatter_nd_update(text.ends, places, aligned))
        size = tf.size(text.characters, tf.int64)
        # A token begins a segment, and so does what comes after it.
        borders = marked(tf.concat([starts, ends], 0), size + 1)[:-1] | begins_group(text.segment)
        text = text._replace(segment=tf.cumsum(tf.cast(borders, tf.int64)))
        return text.where(tf.logical_not(marked(tf.ragged.range(starts + 1, ends).values, size)))
