"""SentencePiece's precompiled character maps in a TensorFlow graph, as Hugging Face applies them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.character_rules import ITSELF
from xtremedistil_tf.tokenization.graph.graphemes import Graphemes
from xtremedistil_tf.tokenization.graph.normal_forms import transform
from xtremedistil_tf.tokenization.graph.text import Outputs, Text, begins_group, marked, table_of, where
from xtremedistil_tf.tokenization.graph.trie import Trie

# Grapheme clusters of more bytes are mapped character by character.
_LONGEST_CLUSTER = 5
_BYTES = [bytes([byte]) for byte in range(256)]


class CharacterMap:
    """Replaces characters and grapheme clusters.

    A cluster of at most five bytes that begins with a key of the map is replaced, whole, by the value of the
    shortest such key. Of all others every character is replaced that is a key.

    Args:
        charsmap: see `read_charsmap`.

    Source: `Precompiled::normalize` of Hugging Face's tokenizers.
    """

    def __init__(self, charsmap: bytes):
        mapping = read_charsmap(charsmap)
        outputs = list(dict.fromkeys([ITSELF, *mapping.values()]))
        number_of = {output: number for number, output in enumerate(outputs)}
        keys = [key for key in mapping if len(key.encode()) <= _LONGEST_CLUSTER]
        self._single = table_of({key: number_of[mapping[key]] for key in keys if len(key) == 1})
        self._trie = Trie(keys)
        self._output_of_key = tf.constant([number_of[mapping[key]] for key in keys], tf.int32)
        self._outputs = Outputs(outputs)
        self._graphemes = Graphemes()

    def __call__(self, text: Text) -> Text:
        numbers, size, kept = self._clusters(text)
        characters, segment, numbers, size = where(kept, text.characters, text.segment, numbers, size)
        new, source, within = self._outputs.replace(characters, numbers)
        new_size = self._outputs.lengths(numbers)
        last = tf.equal(within + 1, tf.gather(new_size, source))
        fewer = tf.minimum(tf.gather(new_size - size, source), 0)
        changes = tf.where(within >= tf.gather(size, source), np.int64(1), tf.where(last, fewer, 0))
        new_segment = tf.gather(segment, source)
        changes = self._count_deleted(changes, size, new_size, segment, new_segment)
        return transform(text, new, changes, new_segment)

    def _count_deleted(self, changes, size, new_size, segment, new_segment):
        """What is deleted is counted to the character before it; at the start of a segment to none."""
        deleted = tf.where(tf.equal(new_size, 0))[:, 0]
        before = tf.gather(tf.cumsum(new_size), deleted) - 1
        padded = tf.concat([new_segment, [np.int64(-1)]], 0)
        same = tf.equal(tf.gather(padded, tf.maximum(before, 0)), tf.gather(segment, deleted)) & (before >= 0)
        before, deleted = where(same, before, deleted)
        return tf.tensor_scatter_nd_sub(changes, before[:, None], tf.gather(size, deleted))

    def _clusters(self, text: Text):
        """int32 [n]: what becomes of each character; int64 [n], of how many; bool [n]: whether it counts."""
        numbers, size = self._single(text.characters), tf.ones_like(text.segment)
        kept = tf.cast(size, tf.bool)
        begins = self._graphemes.begins(text.characters, text.segment)
        starts = tf.where(begins)[:, 0]
        ends = tf.concat([starts[1:], [tf.size(begins, tf.int64)]], 0)[:tf.size(starts)]
        first, end = where((ends - starts > 1) & (ends - starts <= _LONGEST_CLUSTER), starts, ends)

        def replace():
            before = tf.concat([[0], tf.cumsum(_utf8_lengths(text.characters))], 0)
            short = tf.gather(before, end) - tf.gather(before, first) <= _LONGEST_CLUSTER
            places, ends = where(short, first, end)
            matches = self._trie.matches(text.characters, places, ends)
            # The short ones come first.
            order = tf.argsort(matches.starts, stable=True)
            found, strings = tf.gather(matches.starts, order), tf.gather(matches.strings, order)
            found, strings = where(begins_group(found), found, strings)
            outputs = tf.gather(self._output_of_key, strings)
            ends = tf.gather(ends, tf.searchsorted(places, found))
            inside = tf.ragged.range(found + 1, ends).values
            return (tf.tensor_scatter_nd_update(numbers, found[:, None], outputs),
                    tf.tensor_scatter_nd_update(size, found[:, None], ends - found),
                    tf.logical_not(marked(inside, tf.size(kept))))

        return tf.cond(tf.size(first) > 0, replace, lambda: (numbers, size, kept))


def read_charsmap(charsmap: bytes) -> dict[str, str]:
    """The keys and values of a precompiled character map.

    Args:
        charsmap: the size of a trie in bytes, the trie, and the values, each ended by a zero byte. The trie
            is a double array of Darts: 32-bit units, each with a label, an offset and whether a key ends.

    Source: `spm_precompiled` of Hugging Face.
    """
    size = int.from_bytes(charsmap[:4], "little")
    units = np.frombuffer(charsmap[4:4 + size], "<u4").astype(np.int64)
    values = charsmap[4 + size:] + b"\0"
    offsets = (units >> 10) << ((units & (1 << 9)) >> 6)
    labels, leaf = units & (1 << 31 | 0xFF), (units >> 8) & 1 == 1
    # A child lies at its parent's place, changed by its label: the units by place, then by label.
    inner = np.flatnonzero((labels > 0) & (labels < 256))
    inner = inner[np.lexsort((labels[inner], inner ^ labels[inner]))]
    place_of = inner ^ labels[inner]
    places, keys, mapping = np.array([offsets[0]]), [b""], {}
    while len(places):
        first, end = (np.searchsorted(place_of, places, side) for side in ("left", "right"))
        parents = np.repeat(np.arange(len(places)), end - first)
        within = np.arange(len(parents)) - np.repeat(np.cumsum(end - first) - (end - first), end - first)
        children = inner[first[parents] + within]
        keys = [keys[parent] + _BYTES[byte] for parent, byte in zip(parents.tolist(), labels[children].tolist())]
        places = children ^ offsets[children]
        ended = np.flatnonzero(leaf[children])
        begins = units[places[ended]] & ((1 << 31) - 1)
        for number, begin in zip(ended.tolist(), begins.tolist()):
            mapping[keys[number].decode()] = values[begin:values.index(b"\0", begin)].decode()
    return mapping


def _utf8_lengths(characters: tf.Tensor) -> tf.Tensor:
    return 1 + sum(tf.cast(characters >= limit, tf.int32) for limit in (0x80, 0x800, 0x10000))
