"""Text as flat tensors of characters, and tables of what each character is or becomes."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.character_rules import ITSELF, PAGE

# Numbers from here on stand for the added tokens (special ones and others) that were found in the text.
FIRST_ADDED = sys.maxunicode + 1


class Text(NamedTuple):
    """The characters of a batch of texts, one after another.

    Attributes:
        characters: int32 [n], code points; `FIRST_ADDED` and above are added tokens.
        starts, ends: int32 [n], the part of its row, in characters, that each one is aligned to.
        segment: int64 [n], never falling. A segment is what the tokenizer treats by itself: the text between
            two added tokens, or one added token.
        row: int64 [n], never falling.
    """

    characters: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    segment: tf.Tensor
    row: tf.Tensor

    @classmethod
    def decode(cls, texts: tf.Tensor) -> Text:
        """string [batch], valid UTF-8 -> their characters, a segment a text."""
        rows = tf.strings.unicode_decode(texts, "UTF-8")
        row = repeated(rows.row_lengths())
        offsets = tf.range(tf.size(row, tf.int64)) - tf.gather(rows.row_starts(), row)
        offsets = tf.cast(offsets, tf.int32)
        return cls(rows.flat_values, offsets, offsets + 1, row, row)

    def gather(self, indices: tf.Tensor) -> Text:
        return Text(*(tf.gather(values, indices) for values in self))

    def where(self, mask: tf.Tensor) -> Text:
        return Text(*where(mask, *self))


class CharacterTable:
    """A value for every character; equal pages of 256 are kept once.

    Args:
        values: [characters of Unicode], integers or booleans.
        added: the value of all added tokens.
    """

    def __init__(self, values: np.ndarray, added: int = 0):
        padded = np.concatenate([values, np.full(PAGE, added, values.dtype)])
        pages: dict[bytes, int] = {}
        page_of = [pages.setdefault(page.tobytes(), len(pages)) for page in padded.reshape(-1, PAGE)]
        self._page_of = tf.constant(page_of, tf.int32)
        self._pages = tf.constant(np.frombuffer(b"".join(pages), values.dtype))

    def __call__(self, characters: tf.Tensor) -> tf.Tensor:
        """int32 [n] -> [n]"""
        characters = tf.minimum(characters, FIRST_ADDED)
        page = tf.gather(self._page_of, characters // PAGE)
        return tf.gather(self._pages, page * PAGE + characters % PAGE)


class Outputs:
    """Strings by number, which take the place of characters.

    Args:
        outputs: in which `ITSELF` stands for the character replaced.
    """

    def __init__(self, outputs: Sequence[str]):
        lengths = np.array([len(output) for output in outputs])
        self._characters = tf.constant([ord(character) for character in "".join(outputs)], tf.int32)
        self._lengths = tf.constant(lengths, tf.int64)
        self._starts = tf.constant(np.cumsum(lengths) - lengths, tf.int64)

    def lengths(self, numbers: tf.Tensor) -> tf.Tensor:
        """int32 [n] -> int64 [n]"""
        return tf.gather(self._lengths, numbers)

    def replace(self, characters: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Puts outputs in the place of characters.

        Args:
          characters: int32 [n].
          numbers: int32 [n], of their outputs.

        Returns int32 [m] characters; int64 [m], which character each one replaces; int64 [m], its place in
        the output.
        """
        lengths = self.lengths(numbers)
        source = repeated(lengths)
        within = tf.range(tf.size(source, tf.int64)) - tf.gather(tf.cumsum(lengths, exclusive=True), source)
        start = tf.gather(self._starts, tf.gather(numbers, source))
        output = tf.gather(self._characters, start + within)
        output = tf.where(tf.equal(output, ord(ITSELF)), tf.gather(characters, source), output)
        return output, source, within


def table_of(characters: dict[str, int]) -> CharacterTable:
    """Numbers of the given characters; 0 for the others."""
    values = np.zeros(sys.maxunicode + 1, np.int32)
    values[[ord(character) for character in characters]] = list(characters.values())
    return CharacterTable(values)


def white_space(python: bool = False) -> CharacterTable:
    """Whether characters are white space: to Unicode, Rust and Hugging Face, or to Python's `str.split()`."""
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    values = np.zeros(len(every), bool)
    values[[match.start() for match in re.finditer(r"\s", every)]] = True
    # Python counts four separators more.
    values[0x1C:0x20] = python
    return CharacterTable(values)


def repeated(counts: tf.Tensor) -> tf.Tensor:
    """int64 [n] -> int64 [sum]: 0, 1, ... each as often as its count says.

    `tf.repeat` makes a matrix that is as wide as the highest count.
    """
    starts = tf.cumsum(counts, exclusive=True)
    begun = tf.scatter_nd(starts[:, None], tf.ones_like(counts), [tf.reduce_sum(counts) + 1])
    return tf.cumsum(begun[:-1]) - 1


def where(mask: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    """bool [n], [n] each -> [m] each, as `tf.boolean_mask` with a tenth of its operations."""
    indices = tf.where(mask)[:, 0]
    return [tf.gather(value, indices) for value in values]


def begin_indices(group: tf.Tensor) -> tf.Tensor:
    """[n], never falling -> int64 [groups]: the index of the first of each group."""
    return tf.where(begins_group(group))[:, 0]


def marked(places: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """int64 [n] -> bool [size]: whether each index is among the places."""
    return tf.scatter_nd(places[:, None], tf.ones_like(places, tf.int32), [tf.cast(size, tf.int64)]) > 0


def begins_group(group: tf.Tensor) -> tf.Tensor:
    """[n], never falling -> bool [n]: the first of each group."""
    return tf.concat([tf.ones_like(group[:1], tf.bool), tf.not_equal(group[1:], group[:-1])], 0)


def runs(visible: tf.Tensor, group: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Numbers the longest runs of visible items inside one group.

    Args:
      visible: bool [n].
      group: int64 [n], never falling.

    Returns int64 [visible items], the run of each visible item, and int64 [runs], the group of each run.
    """
    after_visible = tf.concat([visible[:1], visible[:-1]], 0)
    begins = tf.logical_and(visible, tf.logical_or(begins_group(group), tf.logical_not(after_visible)))
    run = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    return where(visible, run)[0], where(begins, group)[0]


def valid(texts: tf.Tensor) -> tf.Tensor:
    """Replaces malformed bytes by U+FFFD."""
    return tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")


def encode(characters: tf.Tensor, string: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """int32 [n] characters, int64 [n] numbers of their strings -> string [count]."""
    ragged = tf.RaggedTensor.from_value_rowids(characters, string, nrows=count, validate=False)
    return tf.strings.unicode_encode(ragged, "UTF-8")
