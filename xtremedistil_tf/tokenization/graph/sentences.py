"""The rule of `tokenization.sentences` in a TensorFlow graph: where sentences end, by the characters of their words.

Only ops that TensorFlow Lite has built in: it has no regular expressions.
"""

from __future__ import annotations

import functools
import re
import sys
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.neighbours import one_after, one_before, places_of, spells
from xtremedistil_tf.tokenization.graph.text import CharacterTable, where
from xtremedistil_tf.tokenization.sentences import CAPITAL, CLOSING, MARKS, NAMES, PERIOD, SMALL

# What a character is, as bits.
_MARK, _CLOSES, _SMALL, _CAPITAL, _PERIOD, _DASH = (1 << number for number in range(6))
_CLASSES = {_MARK: MARKS, _CLOSES: CLOSING, _SMALL: SMALL, _CAPITAL: CAPITAL, _PERIOD: PERIOD, _DASH: "-"}
#: Most characters of an abbreviation that is no initials.
_SHORT = 3


class _Words(NamedTuple):
    """Words as parts of characters.

    Attributes:
        characters: int32 [n], at least one.
        starts, stops: int32 [words], of each the place of its first character and the one after its last.
    """

    characters: tf.Tensor
    starts: tf.Tensor
    stops: tf.Tensor

    def first(self, flags: tf.Tensor) -> tf.Tensor:
        """bool [n] -> bool [words]: that of the first character; false where there is none."""
        return self._flag(flags, self.starts)

    def last(self, flags: tf.Tensor) -> tf.Tensor:
        """bool [n] -> bool [words]: that of the last character; false where there is none."""
        return self._flag(flags, self.stops - 1)

    def _flag(self, flags: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        inside = tf.minimum(tf.maximum(place, 0), tf.size(self.characters) - 1)
        return tf.gather(flags, inside) & (self.sizes > 0)

    def count(self, flags: tf.Tensor) -> tf.Tensor:
        """bool [n] -> int32 [words]: how many are true in each."""
        before = tf.concat([[0], tf.cumsum(tf.cast(flags, tf.int32))], 0)
        return tf.gather(before, self.stops) - tf.gather(before, tf.minimum(self.starts, self.stops))

    @property
    def sizes(self) -> tf.Tensor:
        """int32 [words]: characters of each."""
        return self.stops - self.starts

    def without_first(self) -> _Words:
        """The words without their first characters."""
        return self._replace(starts=tf.minimum(self.starts + 1, self.stops))

    def without_last(self) -> _Words:
        """The words without their last characters."""
        return self._replace(stops=tf.maximum(self.starts, self.stops - 1))


class SentenceEnds(tf.Module):
    """Finds the words with which sentences end."""

    def __init__(self):
        super().__init__(name="sentence_ends")
        sets, numbers = _classes()
        self._sets, self._numbers = sets, CharacterTable(numbers)

    def find(self, characters: tf.Tensor, starts: tf.Tensor, stops: tf.Tensor, begins_text: tf.Tensor) -> tf.Tensor:
        """bool [words]: whether a sentence ends with each and another word of the same text follows.

        Args:
            characters: int32 [n], code points, at least one.
            starts, stops: int32 [words], of each the place of its first character and the one after its last.
            begins_text: bool [words], whether each is the first of its text.
        """
        numbers = tf.cast(self._numbers(characters), tf.int32)
        flags = {bit: tf.gather(tf.constant(self._sets & bit != 0), numbers) for bit in _CLASSES}
        words, mark, closing = _Words(characters, starts, stops), flags[_MARK], flags[_CLOSES]
        closes = (words.sizes > 0) & (words.count(closing) == words.sizes)
        marks_only = words.first(mark) & (words.count(mark | closing) == words.sizes)
        marks_only &= words.without_first().count(mark & one_before(closing, False)) == 0
        goes_on = words.first(flags[_SMALL]) | marks_only | closes | begins_text
        short = _short(words, flags)
        abbreviation = words.last(flags[_PERIOD]) & _short(words.without_last(), flags)
        is_period = (words.sizes == 1) & words.first(flags[_PERIOD])
        ends = _ends_in_mark(words, mark, closing) & ~abbreviation
        ends &= ~(is_period & one_before(short, False) & ~begins_text)
        # Whether the nearest word before it that closes nothing ends a sentence, if all between do.
        ends = tf.gather(ends, _latest(~closes | begins_text))
        return ends & ~one_after(goes_on, True)


def _ends_in_mark(words: _Words, mark: tf.Tensor, closing: tf.Tensor) -> tf.Tensor:
    """bool [words]: whether the last character of each that closes nothing is a mark."""
    # One more, as there may be none.
    others = tf.concat([where(~closing, places_of(closing))[0], [0]], 0)
    count = tf.concat([[0], tf.cumsum(tf.cast(~closing, tf.int32))], 0)
    last = tf.gather(others, tf.maximum(tf.gather(count, words.stops) - 1, 0))
    return tf.gather(mark, last) & (words.count(~closing) > 0)


def _short(words: _Words, flags: dict[int, tf.Tensor]) -> tf.Tensor:
    """bool [words]: whether each is an abbreviation without its period."""
    capital, period, dash = flags[_CAPITAL], flags[_PERIOD], flags[_DASH]
    begins = words.first(capital)
    follows = (capital & one_before(period | dash, False)) | (period & one_before(capital, False))
    follows |= dash & one_before(period, False)
    initials = begins & words.last(capital) & (words.without_first().count(~follows) == 0)
    found = (begins & (words.sizes <= _SHORT)) | initials
    for name in NAMES:
        found |= (words.sizes == len(name)) & spells(name, words.characters, words.starts)
    return found


def _latest(flags: tf.Tensor) -> tf.Tensor:
    """bool [n], the first is true -> int32 [n]: the place of the last one up to each that is."""
    return tf.gather(where(flags, places_of(flags))[0], tf.cumsum(tf.cast(flags, tf.int32)) - 1)


@functools.lru_cache(maxsize=1)
def _classes() -> tuple[np.ndarray, np.ndarray]:
    """The sets of bits that there are, and uint8 [characters of Unicode], the number of each one's set."""
    # All of them stand in the first plane.
    every, bits = "".join(map(chr, range(0x10000))), np.zeros(sys.maxunicode + 1, np.uint8)
    for bit, characters in _CLASSES.items():
        bits[[found.start() for found in re.finditer(f"[{characters}]", every)]] |= bit
    sets = np.unique(bits)
    return sets, np.searchsorted(sets, bits).astype(np.uint8)
