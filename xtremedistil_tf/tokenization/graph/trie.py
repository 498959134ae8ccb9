"""A trie of strings in a TensorFlow graph, and paths along links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import marked, table_of, where


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
