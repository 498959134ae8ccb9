"""The rule of `tokenization.raw_words` inside a TensorFlow graph: words of raw strings, equal on every string.

`WordSpans` uses only ops that TensorFlow Lite has built in, for the types that it has them for: int32 and bool, no
bits, no segments of sorted ids, no slices that may be empty. `export.tflite_words` runs it there.
"""

from __future__ import annotations

import functools
import sys
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.neighbours import one_after, one_before, places_of, spells
from xtremedistil_tf.tokenization.graph.text import (
    CharacterTable,
    Text,
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
    kinds_in,
)

# Bits that stand beside those of `kind_of`.
_KEPT_BEFORE, _KEPT_AFTER, _PARTED = 1 << 20, 1 << 21, 1 << 22
# Surrogates are no characters; planes 4 to 13 have none, 15 and 16 only letters of private use.
_ASSIGNED = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, 0xF0000))


class _Kinds(NamedTuple):
    """Bits of characters, as numbers of those sets of bits that there are.

    Attributes:
        sets: int32 [sets], in NumPy.
        numbers: int32 [n].
    """

    sets: np.ndarray
    numbers: tf.Tensor

    def has(self, bits: int) -> tf.Tensor:
        """bool [n]: whether each has any of the bits."""
        return tf.gather(tf.constant(self.sets & bits != 0), self.numbers)

    def before(self) -> _Kinds:
        """Of the character before each; no bits where there is none."""
        return self._replace(numbers=one_before(self.numbers, 0))

    def after(self) -> _Kinds:
        """Of the character after each; no bits where there is none."""
        return self._replace(numbers=one_after(self.numbers, 0))


class _Clusters(NamedTuple):
    """`raw_words.Cluster` of a batch.

    Attributes:
        characters: int32 [n].
        kinds: of each.
        starts, ends, row: int32 [n]; places count the characters of all texts.
        begins: bool [n].
    """

    characters: tf.Tensor
    kinds: _Kinds
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
        self._spans = WordSpans(rule)

    def split(self, texts: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """The words of texts.

        Args:
            texts: string [batch], UTF-8. Malformed bytes count as U+FFFD.

        Returns:
            Ragged [batch, words]: `words`, string; `starts`, `ends`, int32, offsets in Unicode characters.
        """
        text = Text.decode(valid(texts))
        starts, ends, rows = self._spans.find(text.characters, tf.cast(text.row, tf.int32))
        offsets, lengths = tf.gather(text.starts, starts), tf.cast(ends - starts, tf.int64)
        owner = repeated(lengths)
        place = tf.range(tf.size(owner, tf.int64)) - tf.gather(
            tf.cumsum(lengths, exclusive=True) - tf.cast(starts, tf.int64), owner)
        words = encode(tf.gather(text.characters, place), owner, tf.size(starts, tf.int64))
        by_row = tf.RaggedTensor.from_value_rowids(words, tf.cast(rows, tf.int64), nrows=tf.size(texts, tf.int64),
                                                   validate=False)
        return {"words": by_row, "starts": by_row.with_values(offsets),
                "ends": by_row.with_values(offsets + ends - starts)}


class WordSpans(tf.Module):
    """Where the words of characters are.

    Args:
        rule: by which.
    """

    def __init__(self, rule: RawWords):
        super().__init__(name="word_spans")
        self._rule = rule
        kinds = _kinds_of(rule)
        self._sets = np.unique(kinds)
        # Among few sets this is faster than NumPy's own inverse, which sorts a million numbers.
        self._numbers = CharacterTable(np.searchsorted(self._sets, kinds).astype(np.uint8))

    def find(self, characters: tf.Tensor, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """int32 [n], code points of all texts, and int32 [n], the text of each, never falling -> int32 [words] each:
        the place of each word's first character, the place after its last one, and its text."""
        clusters = self._clusters(characters, row)
        begins = clusters.begins if self._rule.is_whitespace else self._word_begins(clusters, characters)
        starts, rows, firsts = where(begins, clusters.starts, clusters.row, places_of(begins))
        # A word ends where its last cluster does, which stands before the first one of the next word.
        lasts = tf.concat([firsts, tf.size(begins)[None]], 0)[1:] - 1
        return starts, tf.gather(clusters.ends, lasts), rows

    def _clusters(self, characters: tf.Tensor, row: tf.Tensor) -> _Clusters:
        kinds = _Kinds(self._sets, tf.cast(self._numbers(characters), tf.int32))
        first, place = begins_group(row), places_of(row)
        is_space, invisible = kinds.has(SPACE), kinds.has(INVISIBLE)
        if self._rule.is_whitespace:
            belongs = alone = invisible = tf.zeros_like(first)
        else:
            alone = kinds.has(APART | UNSPACED if self._rule.characters else APART)
            if self._rule.parted:
                begins = first | one_before(is_space, True)
                alone |= kinds.has(_PARTED) & ~_addresses(characters, ~one_after(begins, True), _numbered(begins))
            is_space |= invisible & _after_space(is_space, invisible, first)
            belongs = self._belongs(characters, kinds) & ~(alone & kinds.has(UNSPACED))
        after_space = first | one_before(is_space, True)
        is_base = ~is_space & (after_space | ~belongs)
        shown = ~is_space & ~invisible
        # A cluster ends at the last shown character before the next one begins.
        count = tf.cumsum(tf.cast(shown, tf.int32))
        begin_count = where(is_base, count - 1)[0]
        end_count = tf.concat([begin_count, count[-1:]], 0)[1:]
        ends = tf.gather(where(shown, place + 1)[0], end_count - 1)
        characters, numbers, starts, row, alone, begins = where(
            is_base, characters, kinds.numbers, place, row, alone, after_space)
        begins |= alone | one_before(alone, False)
        characters = tf.where(characters == ord(CURLY), ord(APOSTROPHE), characters)
        return _Clusters(characters, _Kinds(self._sets, numbers), starts, ends, row, begins)

    def _belongs(self, characters: tf.Tensor, kinds: _Kinds) -> tf.Tensor:
        """bool [n]: whether a character belongs to one before it, if there is one."""
        joined = kinds.has(SYMBOL) & (one_before(characters, 0) == ord(JOINER))
        return kinds.has(INVISIBLE | COMBINING) | joined | (kinds.has(FLAG) & kinds.before().has(FLAG))

    def _word_begins(self, clusters: _Clusters, text: tf.Tensor) -> tf.Tensor:
        """bool [clusters]: where words begin; int32 [n] `text` is all characters."""
        characters, begins, place = clusters.characters, clusters.begins, places_of(clusters.begins)
        size, chunk = tf.size(characters), _numbered(begins)
        letter = ~clusters.kinds.has(MARK) | self._counts_as_letter(clusters, chunk)
        first, stop, room = self._middles(characters, letter, begins)
        head = _longest(self._rule.beginnings, characters, first, room, False)
        tail = _longest(self._rule.endings, characters, stop, room - head, True)
        if self._rule.abbreviations:
            kept = self._abbreviated(clusters, text, first + head, stop, room)
            stop, tail = stop + tf.cast(kept, tf.int32), tf.where(kept, 0, tail)
        inside = (place >= tf.gather(first, chunk)) & (place < tf.gather(stop, chunk))
        same = (characters == one_before(characters, -1)) & ~clusters.kinds.has(BRACKET)
        found = begins | (inside != one_before(inside, False)) | (~inside & ~same)
        first, stop, head, tail = where(stop > 0, first, stop, head, tail)
        # Without a part a middle is cut where it begins anyway.
        cuts = tf.concat([first + head, tf.where(tail > 0, stop - tail, first)], 0)
        return found | marked(cuts, size)

    def _abbreviated(self, clusters: _Clusters, text: tf.Tensor, first: tf.Tensor, stop: tf.Tensor,
                     room: tf.Tensor) -> tf.Tensor:
        """bool [chunks]: whether the period after a middle belongs to it."""
        is_period = clusters.characters == ord(PERIOD)
        goes_on = one_after(~clusters.begins, False)
        single = is_period & ~(goes_on & one_after(is_period, False))
        last = tf.maximum(stop - 1, 0)
        may = (room > 0) & tf.gather(goes_on, last) & tf.gather(one_after(single, False), last)
        begin, end = tf.gather(clusters.starts, where(may, first)[0]), tf.gather(clusters.ends, where(may, last)[0])
        longest = max(map(len, self._rule.abbreviations))
        table = np.array([[0] * (longest - len(word)) + [*map(ord, word[:-1])] for word in self._rule.abbreviations])
        # Characters of each before its period, from the longest on; 0 before its beginning.
        place = end[:, None] + tf.range(1 - longest, 0)
        found = tf.gather(text, tf.maximum(place, 0))
        is_digit = (found >= ord("1")) & (found <= ord("9"))
        found = tf.where(place < begin[:, None], 0, tf.where(is_digit, ord("0"), found))
        fits = end - begin < longest
        same = tf.reduce_all(found[:, None] == tf.constant(table, tf.int32), -1)
        kept = fits & tf.reduce_any(same, -1)
        return marked(where(kept, where(may, places_of(may))[0])[0], tf.size(may))

    def _middles(self, characters: tf.Tensor, letter: tf.Tensor, begins: tf.Tensor) -> list[tf.Tensor]:
        """int32 [chunks] each: the first letter, or what counts as one; the place after the last one, 0 where there is
        none; and how long the middle is, 0 where it is not to be parted."""
        size = tf.size(characters)
        all_first = where(begins, places_of(begins))[0]
        all_stop = tf.concat([all_first, size[None]], 0)[1:]
        # Letters before each place; chunks without one have as many at both ends.
        count = tf.concat([[0], tf.cumsum(tf.cast(letter, tf.int32))], 0)
        before, until = tf.gather(count, all_first), tf.gather(count, all_stop)
        letters = tf.concat([where(letter, places_of(letter))[0], size[None]], 0)
        has_letter = until > before
        first = tf.where(has_letter, tf.gather(letters, before), size)
        stop = tf.where(has_letter, tf.gather(letters, tf.maximum(until - 1, 0)) + 1, 0)
        is_part = tf.zeros_like(has_letter)
        for part in (*self._rule.beginnings, *self._rule.endings):
            is_part |= (all_stop - all_first == len(part)) & spells(part, characters, all_first)
        return [tf.where(is_part, all_first, first), tf.where(is_part, all_stop, stop),
                tf.where(is_part, 0, stop - first)]

    def _counts_as_letter(self, clusters: _Clusters, chunk: tf.Tensor) -> tf.Tensor:
        characters, kinds = clusters.characters, clusters.kinds
        kinds_before = kinds.before()
        has_before, has_after = ~clusters.begins, one_after(~clusters.begins, False)
        after_letter = has_before & ~kinds_before.has(MARK)
        before_letter = has_after & ~kinds.after().has(MARK)
        initial = (characters == ord(PERIOD)) & kinds_before.has(CASED)
        initial &= one_before(clusters.begins, True) | kinds_before.before().has(OPENS)
        initial &= ~(has_after & (one_after(characters, 0) == ord(PERIOD)))
        in_address = _addresses(characters, has_after, chunk) & (characters == ord(SLASH))
        return ((kinds.has(_KEPT_BEFORE) & before_letter)
                | (after_letter & (initial | in_address | kinds.has(_KEPT_AFTER))))


def _addresses(characters: tf.Tensor, has_after: tf.Tensor, chunk: tf.Tensor) -> tf.Tensor:
    """bool [n]: whether each stands in an address; `has_after` is whether the next one is of the same chunk."""
    found, following, goes_on = tf.ones_like(has_after), characters, tf.ones_like(has_after)
    for mark in ADDRESS:
        found &= goes_on & (following == ord(mark))
        following, goes_on = one_after(following, 0), goes_on & has_after
        has_after = one_after(has_after, False)
    chunks = tf.reduce_max(tf.concat([chunk, [-1]], 0)) + 1
    return tf.gather(marked(where(found, chunk)[0], chunks), chunk)


def _longest(parts: tuple[str, ...], characters: tf.Tensor, places: tf.Tensor, room: tf.Tensor,
             backwards: bool) -> tf.Tensor:
    """int32 [middles]: characters of the longest part that begins, or ends, at each place; shorter than the room."""
    found = tf.zeros_like(places)
    for part in parts:
        begin = places - len(part) if backwards else places
        matches = (found == 0) & (room > len(part)) & spells(part, characters, begin)
        found = tf.where(matches, len(part), found)
    return found


def _after_space(is_space: tf.Tensor, invisible: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    """bool [n]: whether the last character before each that has a width is white space, or there is none."""
    count = tf.cumsum(tf.cast(~invisible, tf.int32))
    # The last one with a width, at 0 where there is none yet.
    last = tf.gather(tf.concat([[-1], where(~invisible, places_of(first))[0]], 0), count)
    row_start = tf.gather(where(first, places_of(first))[0], _numbered(first))
    return (last < row_start) | tf.gather(is_space, tf.maximum(last, 0))


def _numbered(begins: tf.Tensor) -> tf.Tensor:
    """bool [n] -> int32 [n]: which of the begun ones each belongs to."""
    return tf.cumsum(tf.cast(begins, tf.int32)) - 1


def _kinds_of(rule: RawWords) -> np.ndarray:
    """int32 [characters of Unicode]"""
    kinds = _kinds().copy()
    for marks, bit in ((rule.kept_before, _KEPT_BEFORE), (rule.kept_after, _KEPT_AFTER), (rule.parted, _PARTED)):
        for mark in marks:
            kinds[ord(mark)] |= bit
    return kinds


@functools.lru_cache(maxsize=1)
def _kinds() -> np.ndarray:
    kinds = np.zeros(sys.maxunicode + 1, np.int32)
    for block in _ASSIGNED:
        counts, bits = zip(*kinds_in(block))
        kinds[block.start:block.stop] = np.repeat(bits, counts)
    return kinds
