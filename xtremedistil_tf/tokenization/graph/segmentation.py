"""The best segmentation of words by a Unigram model, in a TensorFlow graph."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import FIRST_ADDED, repeated, where
from xtremedistil_tf.tokenization.graph.trie import Trie, on_paths

# By how much an unknown character scores less than the worst piece (Hugging Face's K_UNK_PENALTY).
_UNKNOWN_PENALTY = 10.0


class Pieces(NamedTuple):
    """Attributes:
        ids: int32 [pieces].
        firsts, lasts: int64 [pieces], the first and the last character of each piece.
    """

    ids: tf.Tensor
    firsts: tf.Tensor
    lasts: tf.Tensor


class UnigramSegmentation:
    """Finds the pieces of words with the highest sum of scores.

    Sums are of the same float64 numbers in the same order as Hugging Face's, and of equal sums the one whose
    last piece is longer wins, so that ties and nearly equal sums come out the same way.

    Args:
        model: the model in the tokenizer's file.
        added_ids: ids of the added tokens, which stand in the text as `FIRST_ADDED` plus their place here.
    """

    # Beyond the strings of the trie, "pieces" are numbered: one for each added token, the unknown character.

    def __init__(self, model: dict[str, Any], added_ids: list[int]):
        ids = {piece: number for number, (piece, _) in enumerate(model["vocab"])}
        pieces = [piece for piece in ids if piece]
        scores = [model["vocab"][ids[piece]][1] for piece in pieces]
        unknown_score = min(score for _, score in model["vocab"]) - _UNKNOWN_PENALTY
        self._trie = Trie(pieces)
        self._first_added, self._unknown = len(pieces), len(pieces) + len(added_ids)
        self._ids = tf.constant([*(ids[piece] for piece in pieces), *added_ids, model["unk_id"]], tf.int32)
        # The last score is that of "no piece".
        self._scores = tf.constant([*scores, *[0.0] * len(added_ids), unknown_score, -np.inf], tf.float64)
        self._is_unknown = tf.constant([ids[piece] == model["unk_id"] for piece in pieces]
                                       + [False] * len(added_ids) + [True])
        self._byte_ids = None
        if model.get("byte_fallback"):
            self._byte_ids = tf.constant([ids[piece] for piece in byte_pieces()], tf.int32)

    def __call__(self, characters: tf.Tensor, begins: tf.Tensor) -> Pieces:
        """Splits words into pieces.

        Args:
          characters: int32 [n].
          begins: bool [n], where a word begins.
        """
        starts = tf.where(begins)[:, 0]
        ends = tf.concat([starts[1:], [tf.size(characters, tf.int64)]], 0)[:tf.size(starts)]
        word = repeated(ends - starts)
        by_end = self._pieces_by_end(characters, tf.gather(ends, word))
        lengths = self._best_lengths(by_end, starts, ends - starts)
        index = tf.range(tf.size(characters, tf.int64))
        word_start = tf.gather(starts, word)
        before = index - lengths
        links = tf.where(before < word_start, index, before)
        longest = tf.reduce_max(tf.concat([ends - starts, [0]], 0))
        lasts = tf.where(on_paths(links, ends - 1, longest))[:, 0]
        lengths = tf.gather(lengths, lasts)
        pieces = tf.gather(tf.reshape(by_end, [-1]), lasts * self._longest + self._longest - lengths)
        return self._fuse(pieces, lasts - lengths + 1, lasts, characters, word_start)

    @property
    def _longest(self) -> int:
        return self._trie.longest

    def _pieces_by_end(self, characters, limits) -> tf.Tensor:
        """int32 [n, longest]: the piece that ends at each character, for each length; long ones first."""
        size = tf.size(characters, tf.int64)
        index = tf.range(size)
        found = self._trie.matches(characters, index, limits)
        cells = (found.starts + found.lengths - 1) * self._longest + self._longest - found.lengths
        none = tf.size(self._scores) - 1
        table = tf.fill([size * self._longest], none)
        table = tf.tensor_scatter_nd_update(table, cells[:, None], found.strings)
        table = tf.reshape(table, [-1, self._longest])
        added = characters - FIRST_ADDED
        single = tf.where(added >= 0, self._first_added + added, table[:, -1])
        single = tf.where(tf.equal(single, none), self._unknown, single)
        return tf.concat([table[:, :-1], single[:, None]], 1)

    def _best_lengths(self, by_end, starts, lengths) -> tf.Tensor:
        """int64 [n]: the length of the best path's last piece up to each character."""
        order = tf.argsort(lengths, direction="DESCENDING")
        starts = tf.gather(starts, order)
        longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
        counts = tf.math.bincount(tf.cast(lengths, tf.int32), dtype=tf.int64)
        active = tf.size(starts, tf.int64) - tf.cumsum(counts)
        # The best sums up to the last few characters; nothing comes before a word.
        window = tf.constant([[-np.inf] * (self._longest - 1) + [0.0]], tf.float64)
        window = tf.tile(window, [tf.size(starts), 1])
        piece_lengths = tf.range(self._longest, 0, -1, tf.int64)
        arrays = [tf.TensorArray(tf.int64, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
                  for _ in range(2)]

        def step(t, window, places, chosen):
            window = window[:active[t]]
            place = starts[:active[t]] + t
            sums = tf.gather(self._scores, tf.gather(by_end, place)) + window
            best = tf.reduce_max(sums, 1, keepdims=True)
            length = tf.reduce_max(tf.where(tf.equal(sums, best), piece_lengths, 0), 1)
            number = tf.cast(t, tf.int32)
            window = tf.concat([window[:, 1:], best], 1)
            return t + 1, window, places.write(number, place), chosen.write(number, length)

        t, _, *arrays = tf.while_loop(
            lambda t, *_: t < longest, step, [tf.constant(0, tf.int64), window, *arrays],
            [tf.TensorShape([]), tf.TensorShape([None, self._longest]), *[tf.TensorShape(None)] * 2])
        # A TensorArray that nothing was written to cannot be joined.
        empty = tf.zeros([0], tf.int64)
        places, chosen = (array.write(tf.cast(t, tf.int32), empty).concat() for array in arrays)
        return tf.scatter_nd(places[:, None], chosen, [tf.shape(by_end, tf.int64)[0]])

    def _fuse(self, pieces, firsts, lasts, characters, word_start) -> Pieces:
        """Makes one piece of neighbouring unknown characters of a word, or their bytes."""
        is_unknown = tf.gather(self._is_unknown, pieces)
        word = tf.gather(word_start, firsts)
        goes_on = is_unknown[1:] & is_unknown[:-1] & tf.equal(word[1:], word[:-1])
        begins = tf.concat([tf.ones_like(is_unknown[:1]), tf.logical_not(goes_on)], 0)
        ends = tf.concat([tf.logical_not(goes_on), tf.ones_like(is_unknown[:1])], 0)
        entries, firsts = where(begins, pieces, firsts)
        fused = Pieces(tf.gather(self._ids, entries), firsts, *where(ends, lasts))
        if self._byte_ids is None:
            return fused
        # Written out, the unknown piece is itself in the vocabulary.
        written_out = tf.logical_and(tf.not_equal(pieces, self._unknown), ends)
        as_bytes = tf.logical_and(is_unknown, tf.logical_not(written_out))
        return self._spell(fused, *where(begins, as_bytes), characters)

    def _spell(self, pieces: Pieces, as_bytes: tf.Tensor, characters: tf.Tensor) -> Pieces:
        """Replaces pieces by the bytes of their characters; each byte stands for the whole piece."""
        lengths = tf.where(as_bytes, pieces.lasts - pieces.firsts + 1, 0)
        unknown = tf.ragged.range(pieces.firsts, pieces.firsts + lengths)
        unknown = unknown.with_values(tf.gather(characters, unknown.values))
        strings = tf.strings.unicode_encode(unknown, "UTF-8")
        found = tf.strings.bytes_split(strings)
        numbers = tf.cast(tf.reshape(tf.io.decode_raw(found.values, tf.uint8), [-1]), tf.int32)
        counts = tf.where(as_bytes, found.row_lengths(), 1)
        source = repeated(counts)
        pieces = Pieces(*(tf.gather(values, source) for values in pieces))
        places = tf.where(tf.gather(as_bytes, source))
        return pieces._replace(ids=tf.tensor_scatter_nd_update(pieces.ids, places,
                                                               tf.gather(self._byte_ids, numbers)))


def byte_pieces() -> list[str]:
    """The pieces that stand for the 256 bytes."""
    return [f"<0x{byte:02X}>" for byte in range(256)]
