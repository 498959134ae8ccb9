"""Finding added tokens ("<s>", "<mask>" ...) in text, with a trie in a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import (
    FIRST_ADDED,
    Text,
    begin_indices,
    begins_group,
    marked,
    repeated,
    table_of,
    where,
    white_space,
)


class Matches(NamedTuple):
    """Places where strings of a trie occur in a text, the short ones first.

    Attributes:
        starts: int64 [matches].
        lengths: int64 [matches], in characters.
        strings: int32 [matches], which string it is, from 0.
    """

    starts: tf.Tensor
    lengths: tf.Tensor
    strings: tf.Tensor


class Trie:
    """Finds all strings of a set that begin at given places of a text.

    Nodes are numbered level by level, so that the edges, sorted by node and character, are in the order of
    the nodes they lead to: edge `i` leads to node `i + 1`. The sorted edges are the whole trie.

    Args:
        strings: not empty, each at least one character. Of equal ones the last counts.
    """

    def __init__(self, strings: Sequence[str]):
        code_points = np.frombuffer("".join(strings).encode("utf-32-le", "surrogatepass"), np.uint32)
        lengths = np.array([len(string) for string in strings])
        starts = np.cumsum(lengths) - lengths
        alphabet, symbols = np.unique(code_points, return_inverse=True)
        self._symbol_of = table_of({chr(c): number + 1 for number, c in enumerate(alphabet)})
        self._symbols = len(alphabet) + 1
        node, edges, count = np.zeros(len(strings), np.int64), [], 1
        string_of = [np.zeros(1, np.int32)]
        for depth in range(lengths.max()):
            inside = np.flatnonzero(lengths > depth)
            keys = node[inside] * self._symbols + symbols[starts[inside] + depth] + 1
            level, child = np.unique(keys, return_inverse=True)
            node[inside] = count + child
            edges.append(level)
            here = np.zeros(len(level), np.int32)
            complete = inside[lengths[inside] == depth + 1]
            here[node[complete] - count] = complete + 1
            string_of.append(here)
            count += len(level)
        self._root = tf.constant(_first_level(edges[0], self._symbols), tf.int32)
        self._edges = tf.constant(np.concatenate(edges), tf.int64)
        self._string_of = tf.constant(np.concatenate(string_of))
        self.longest = int(lengths.max())

    def matches(self, characters: tf.Tensor, starts: tf.Tensor, limits: tf.Tensor) -> Matches:
        """All strings that begin at the given places.

        Args:
          characters: int32 [n].
          starts: int64 [m].
          limits: int64 [m], where the text that a string may lie in ends.
        """
        symbols = self._symbol_of(characters)
        nodes = tf.gather(self._root, tf.gather(symbols, starts))
        starts, limits, nodes = where(nodes > 0, starts, limits, nodes)
        found = [tf.TensorArray(dtype, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
                 for dtype in (tf.int64, tf.int64, tf.int32)]

        def step(depth, starts, limits, nodes, *found):
            strings = tf.gather(self._string_of, nodes)
            here, strings = where(strings > 0, starts, strings)
            values = here, tf.fill(tf.shape(here), depth), strings - 1
            written = [array.write(tf.cast(depth, tf.int32) - 1, value) for array, value in zip(found, values)]
            starts, limits, nodes = where(starts + depth < limits, starts, limits, nodes)
            nodes = self._children(nodes, tf.gather(symbols, starts + depth))
            return depth + 1, *where(nodes > 0, starts, limits, nodes), *written

        vector = tf.TensorShape([None])
        state = tf.while_loop(lambda depth, starts, *_: tf.size(starts) > 0, step,
                              [tf.constant(1, tf.int64), starts, limits, nodes, *found],
                              [tf.TensorShape([]), vector, vector, vector, *[tf.TensorShape(None)] * 3])
        # A TensorArray that nothing was written to cannot be joined.
        ends = tf.cast(state[0], tf.int32) - 1
        return Matches(*(array.write(ends, tf.zeros([0], array.dtype)).concat() for array in state[4:]))

    def _children(self, nodes: tf.Tensor, symbols: tf.Tensor) -> tf.Tensor:
        """int32 [n] nodes and symbols -> int32 [n] nodes, 0 where there is none."""
        keys = tf.cast(nodes, tf.int64) * self._symbols + tf.cast(symbols, tf.int64)
        edge = tf.searchsorted(self._edges, keys)
        found = tf.equal(tf.gather(self._edges, tf.minimum(edge, tf.size(self._edges) - 1)), keys)
        return tf.where(found, edge + 1, 0)


def on_paths(links: tf.Tensor, begins: tf.Tensor, longest: tf.Tensor) -> tf.Tensor:
    """Marks what lies on the paths that follow links; takes as many steps as `longest` has binary digits.

    Args:
      links: int64 [n], the next item of each one; an item that links to itself ends a path.
      begins: int64 [paths], the first items.
      longest: int, at least the number of items of the longest path.

    Returns bool [n].
    """
    size = tf.size(links)

    def step(reach, links, found):
        further = marked(*where(found, links), size)
        return reach * 2, tf.gather(links, links), tf.logical_or(found, further)

    return tf.while_loop(lambda reach, *_: reach < tf.cast(longest, tf.int64), step,
                         [tf.constant(1, tf.int64), links, marked(begins, size)])[2]


def _first_level(edges: np.ndarray, symbols: int) -> np.ndarray:
    """int32 [symbols]: the child of the root for each symbol."""
    children = np.zeros(symbols, np.int32)
    children[edges] = np.arange(len(edges)) + 1
    return children


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
