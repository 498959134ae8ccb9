"""The rule of `tokenization.raw_words` inside a TensorFlow graph: words of raw strings, equal on every string."""

from __future__ import annotations

import functools
import sys
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.text import (
    CharacterTable,
    Text,
    begin_indices,
    begins_group,
    encode,
    marked,
    repeated,
    valid,
    where,
)
from xtremedistil_tf.tokenization.raw_words import (
    ADDRESS,
    APART,
    APOSTROPHE,
    BRACKET,
    CASED,
    COMBINING,
    CURLY,
    FLAG,
    INVISIBLE,
    JOINER,
    MARK,
    OPENS,
    PERIOD,
    SLASH,
    SPACE,
    SYMBOL,
    UNSPACED,
    RawWords,
    kind_of,
)

# Bits that stand beside those of `kind_of`.
_KEPT_BEFORE, _KEPT_AFTER = 1 << 20, 1 << 21
# Surrogates are no characters; planes 4 to 13 have none, 15 and 16 only letters of private use.
_ASSIGNED = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xF0000))


class _Clusters(NamedTuple):
    """`raw_words.Cluster` of a batch.

    Attributes:
        characters, kinds: int32 [n].
        starts, ends: int64 [n], in the characters of all texts.
        row: int64 [n].
        begins: bool [n].
    """

    characters: tf.Tensor
    kinds: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    row: tf.Tensor
    begins: tf.Tensor


class GraphRawWords(tf.Module):
    """Splits raw strings into words with TensorFlow operations only.

    Args:
        rule: by which.
    """

    def __init__(self, rule: RawWords):
        super().__init__(name="graph_raw_words")
        self._rule = rule
        self._kinds = CharacterTable(_kinds_of(rule))

    def split(self, texts: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """The words of texts.

        Args:
            texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns:
            Ragged [batch, words]: `words`, string; `starts`, `ends`, int32, offsets in Unicode characters.
        """
        text = Text.decode(valid(texts))
        clusters = self._clusters(text)
        begins = clusters.begins if self._rule.is_whitespace else self._word_begins(clusters)
        word = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        firsts = tf.where(begins)[:, 0]
        starts, rows = tf.gather(clusters.starts, firsts), tf.gather(clusters.row, firsts)
        lengths = tf.math.segment_max(clusters.ends, word) - starts
        owner = repeated(lengths)
        place = tf.range(tf.size(owner, tf.int64)) - tf.gather(tf.cumsum(lengths, exclusive=True) - starts, owner)
        words = encode(tf.gather(text.characters, place), owner, tf.size(firsts, tf.int64))
        offsets = tf.gather(text.starts, starts)
        by_row = tf.RaggedTensor.from_value_rowids(words, rows, nrows=tf.size(texts, tf.int64), validate=False)
        return {"words": by_row, "starts": by_row.with_values(offsets),
                "ends": by_row.with_values(offsets + tf.cast(lengths, tf.int32))}

    def _clusters(self, text: Text) -> _Clusters:
        kinds = self._kinds(text.characters)
        has = functools.partial(_has, kinds)
        first, place = begins_group(text.row), tf.range(tf.size(kinds, tf.int64))
        is_space = has(SPACE)
        if not self._rule.is_whitespace:
            is_space |= has(INVISIBLE) & _after_space(is_space, has(INVISIBLE), first)
        after_space = first | _before(is_space, True)
        alone, belongs = self._alone(has), self._belongs(text.characters, kinds) & ~after_space & ~is_space
        if self._rule.is_whitespace:
            alone, belongs = tf.zeros_like(first), tf.zeros_like(first)
        else:
            belongs &= ~(alone & has(UNSPACED))
        is_base = ~is_space & ~belongs
        cluster = where(~is_space, tf.cumsum(tf.cast(is_base, tf.int64)) - 1)[0]
        visible = ~has(INVISIBLE) if not self._rule.is_whitespace else tf.ones_like(first)
        ends = tf.math.segment_max(where(~is_space, tf.where(visible, place + 1, 0))[0], cluster)
        characters, kinds, starts, row, alone, begins = where(
            is_base, text.characters, kinds, place, text.row, alone, after_space)
        begins |= alone | _before(alone, False)
        characters = tf.where(characters == ord(CURLY), ord(APOSTROPHE), characters)
        return _Clusters(characters, kinds, starts, ends, row, begins)

    def _alone(self, has) -> tf.Tensor:
        return has(APART | UNSPACED if self._rule.characters else APART)

    def _belongs(self, characters: tf.Tensor, kinds: tf.Tensor) -> tf.Tensor:
        """bool [n]: whether a character belongs to one before it, if there is one."""
        has = functools.partial(_has, kinds)
        joined = has(SYMBOL) & (_before(characters, 0) == ord(JOINER))
        return has(INVISIBLE | COMBINING) | joined | (has(FLAG) & _has(_before(kinds, 0), FLAG))

    def _word_begins(self, clusters: _Clusters) -> tf.Tensor:
        """bool [clusters]: where words begin."""
        characters, begins = clusters.characters, clusters.begins
        size, chunk = tf.size(characters, tf.int64), tf.cumsum(tf.cast(begins, tf.int64)) - 1
        place = tf.range(size)
        letter = ~_has(clusters.kinds, MARK) | self._counts_as_letter(clusters, chunk)
        first, stop, room = self._middles(characters, letter, chunk)
        inside = (place >= tf.gather(first, chunk)) & (place < tf.gather(stop, chunk))
        same = (characters == _before(characters, -1)) & ~_has(clusters.kinds, BRACKET)
        found = begins | (inside != _before(inside, False)) | (~inside & ~same)
        first, stop, room = where(stop > 0, first, stop, room)
        head = _longest(self._rule.beginnings, characters, first, room, False)
        tail = _longest(self._rule.endings, characters, stop, room - head, True)
        # Without a part a middle is cut where it begins anyway.
        cuts = tf.concat([first + head, tf.where(tail > 0, stop - tail, first)], 0)
        return found | marked(cuts, size)

    def _middles(self, characters: tf.Tensor, letter: tf.Tensor, chunk: tf.Tensor) -> list[tf.Tensor]:
        """int64 [chunks] each: the first letter, or what counts as one; the place after the last one, 0 where there is
        none; and how long the middle is, 0 where it is not to be parted."""
        size = tf.size(characters, tf.int64)
        place = tf.range(size)
        first = tf.math.segment_min(tf.where(letter, place, size), chunk)
        stop = tf.math.segment_max(tf.where(letter, place + 1, 0), chunk)
        all_first, all_stop = tf.math.segment_min(place, chunk), tf.math.segment_max(place + 1, chunk)
        is_part = tf.zeros_like(first, tf.bool)
        for part in (*self._rule.beginnings, *self._rule.endings):
            is_part |= (all_stop - all_first == len(part)) & _matches(part, characters, all_first)
        return [tf.where(is_part, all_first, first), tf.where(is_part, all_stop, stop),
                tf.where(is_part, tf.zeros_like(first), stop - first)]

    def _counts_as_letter(self, clusters: _Clusters, chunk: tf.Tensor) -> tf.Tensor:
        characters, kinds = clusters.characters, clusters.kinds
        has_before, has_after = ~clusters.begins, _after(~clusters.begins, False)
        after_letter = has_before & ~_has(_before(kinds, 0), MARK)
        before_letter = has_after & ~_has(_after(kinds, 0), MARK)
        begins_before = _before(clusters.begins, True)
        initial = (characters == ord(PERIOD)) & _has(_before(kinds, 0), CASED)
        initial &= begins_before | _has(_before(_before(kinds, 0), 0), OPENS)
        initial &= ~(has_after & (_after(characters, 0) == ord(PERIOD)))
        in_address = tf.gather(self._addresses(characters, has_after, chunk), chunk) & (characters == ord(SLASH))
        return ((_has(kinds, _KEPT_BEFORE) & before_letter)
                | (after_letter & (initial | in_address | _has(kinds, _KEPT_AFTER))))

    def _addresses(self, characters: tf.Tensor, has_after: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
        """bool [chunks]: whether each is an address."""
        found, following, goes_on = tf.ones_like(has_after), characters, tf.ones_like(has_after)
        for mark in ADDRESS:
            found &= goes_on & (following == ord(mark))
            following, goes_on = _after(following, 0), goes_on & has_after
            has_after = _after(has_after, False)
        return tf.math.segment_max(tf.cast(found, tf.int32), chunk) > 0


def _longest(parts: tuple[str, ...], characters: tf.Tensor, places: tf.Tensor, room: tf.Tensor,
             backwards: bool) -> tf.Tensor:
    """int64 [middles]: characters of the longest part that begins, or ends, at each place; shorter than the room."""
    found = tf.zeros_like(places)
    for part in parts:
        begin = places - len(part) if backwards else places
        matches = (found == 0) & (room > len(part)) & _matches(part, characters, begin)
        found = tf.where(matches, tf.constant(len(part), tf.int64), found)
    return found


def _matches(part: str, characters: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
    """bool [places]: whether the characters from each place on are those of the part; anything where some are not
    there."""
    last = tf.maximum(tf.size(characters, tf.int64) - 1, 0)
    matches = tf.ones_like(begin, tf.bool)
    for offset, character in enumerate(part):
        here = tf.clip_by_value(begin + offset, 0, last)
        matches &= tf.gather(characters, here) == ord(character)
    return matches


def _after_space(is_space: tf.Tensor, invisible: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """bool [n]: whether the last character before each that has a width is white space, or there is none."""
    count = tf.cumsum(tf.cast(~invisible, tf.int64))
    # The last one with a width, at 0 where there is none yet.
    last = tf.gather(tf.concat([[-1], tf.where(~invisible)[:, 0]], 0), count)
    row_start = tf.gather(begin_indices(tf.cumsum(tf.cast(first, tf.int64))),
                          tf.cumsum(tf.cast(first, tf.int64)) - 1)
    return (last < row_start) | tf.gather(is_space, tf.maximum(last, 0))


def _has(kinds: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.bitwise_and(kinds, bits) != 0


def _before(values: tf.Tensor, fill) -> tf.Tensor:
    """[n] -> [n], each the one before."""
    return tf.concat([tf.fill([1], tf.cast(fill, values.dtype)), values], 0)[:tf.size(values)]


def _after(values: tf.Tensor, fill) -> tf.Tensor:
    """[n] -> [n], each the one after."""
    return tf.concat([values, tf.fill([1], tf.cast(fill, values.dtype))], 0)[1:]


def _kinds_of(rule: RawWords) -> np.ndarray:
    """int32 [characters of Unicode]"""
    kinds = _kinds().copy()
    for marks, bit in ((rule.kept_before, _KEPT_BEFORE), (rule.kept_after, _KEPT_AFTER)):
        for mark in marks:
            kinds[ord(mark)] |= bit
    return kinds


@functools.lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    kinds = np.zeros(sys.maxunicode + 1, np.int32)
    for block in _ASSIGNED:
        kinds[block.start:block.stop] = [kind_of.__wrapped__(chr(number)) for number in block]
    return kinds
