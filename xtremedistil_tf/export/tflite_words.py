"""Words of one raw text in a TensorFlow Lite file, by ops that it has built in and two of tensorflow-text's."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from xtremedistil_tf.tokenization.graph.neighbours import places_of
from xtremedistil_tf.tokenization.graph.raw_words import WordSpans
from xtremedistil_tf.tokenization.graph.sentences import SentenceEnds
from xtremedistil_tf.tokenization.graph.text import where
from xtremedistil_tf.tokenization.raw_words import RawWords

_SPACE_AND_LETTER = [ord(" "), ord("a")]
# UTF-8: the least first byte of a character of so many bytes; those between are bytes that follow one.
_TWO, _THREE, _FOUR, _FOLLOWING = 0xC0, 0xE0, 0xF0, 0x80


class LiteStrings(NamedTuple):
    """Strings that are parts of a text.

    Attributes, each [strings]:
        strings: string.
        starts, ends: int32, bytes of the text's UTF-8.
        ends_sentence: bool, whether a sentence ends with each and another one follows.
    """

    strings: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    ends_sentence: tf.Tensor


def one_string(texts: tf.Tensor) -> LiteStrings:
    """string [1] -> the text as the only part of itself."""
    # Nobody asks where a whole text ends.
    return LiteStrings(texts, tf.zeros([1], tf.int32), tf.zeros([1], tf.int32), tf.zeros([1], tf.bool))


class LiteWords(tf.Module):
    """Splits a text into words.

    Args:
        rule: by which.
    """

    def __init__(self, rule: RawWords):
        super().__init__()
        # tensorflow-text's WhitespaceTokenizer ends words within white space of several bytes.
        self._spans, self._bytes, self._sentences = WordSpans(rule), tf_text.ByteSplitter(), SentenceEnds()

    # Nothing in it needs AutoGraph, which takes longer than all else here.
    @tf.autograph.experimental.do_not_convert
    def split(self, texts: tf.Tensor) -> LiteStrings:
        """string [1], valid UTF-8 -> its words."""
        # A last word that is left out again: TensorFlow Lite cannot slice what has no elements.
        numbers = tf.concat([tf.cast(self._bytes.split(texts).values, tf.int32), _SPACE_AND_LETTER], 0)
        characters, places = _decoded(numbers)
        starts, ends, _ = self._spans.find(characters, tf.zeros_like(characters))
        words, all_words = tf.range(tf.size(starts) - 1), places_of(starts)
        ends_sentence = self._sentences.find(characters, starts, ends, all_words == 0)
        # The word that is left out is none that follows.
        ends_sentence = tf.gather(ends_sentence & (all_words + 2 < tf.size(starts)), words)
        starts, ends = (tf.gather(places, tf.gather(values, words)) for values in (starts, ends))
        one_row = tf.cast(tf.stack([0, tf.size(words)]), tf.int64)
        ragged = [tf.RaggedTensor.from_row_splits(values, one_row, validate=False) for values in (starts, ends)]
        return LiteStrings(self._bytes.split_by_offsets(texts, *ragged).values, starts, ends, ends_sentence)


def _decoded(numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """int32 [bytes] of valid UTF-8 -> int32 [characters] each: code points, and the place of their first bytes."""
    begins = (numbers < _FOLLOWING) | (numbers >= _TWO)
    first, places = where(begins, numbers, tf.range(tf.size(numbers)))
    last = tf.size(numbers) - 1
    second, third, fourth = (tf.gather(numbers, tf.minimum(places + offset, last)) - _FOLLOWING for offset in (1, 2, 3))
    two = (first - _TWO) * 64 + second
    three = ((first - _THREE) * 64 + second) * 64 + third
    four = (((first - _FOUR) * 64 + second) * 64 + third) * 64 + fourth
    found = tf.where(first < _TWO, first, tf.where(first < _THREE, two, tf.where(first < _FOUR, three, four)))
    return tf.maximum(found, 0), places
