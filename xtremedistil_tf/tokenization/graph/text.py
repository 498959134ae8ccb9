"""Text as flat tensors of characters, tables of what each becomes, and where text may be parted.

Text is parted so that what readers take for one character stays whole, by the rules of extended grapheme clusters
(Unicode Standard Annex 29). What each character is to them is asked of Hugging Face's tokenizers, with a character map
under which every cluster of less than six bytes becomes one letter, and every character of a longer one a letter of its
own.
"""

from __future__ import annotations

import functools
import re
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.character_rules import ITSELF, PAGE, assignable

# Numbers from here on stand for the added tokens (special ones and others) that were found in the text.
FIRST_ADDED = sys.maxunicode + 1
# What a character is, as bits.
(_CONTROL, _EXTENDS, _PREPENDS, _JOINER, _PICTURE, _MARK, _CONSONANT, _LINKER, _CONJUNCT,
 _LEADING, _VOWEL, _TRAILING, _OPEN_SYLLABLE, _CLOSED_SYLLABLE) = (1 << number for number in range(14))
_ACCENT, _ZWJ, _COPYRIGHT, _KA, _VIRAMA = "\u0301", "\u200d", "\u00a9", "\u0915", "\u094d"


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
    values = np.zeros(sys.maxunicode + 1, bool)
    # All of it stands in the first plane.
    values[[match.start() for match in re.finditer(r"\s", "".join(map(chr, range(0x10000))))]] = True
    # Python counts four separators more.
    values[0x1C:0x20] = python
    return CharacterTable(values)


def repeated(counts: tf.Tensor) -> tf.Tensor:
    """int64 [n] -> int64 [sum]: 0, 1, ... each as often as its count says.

    `tf.repeat` makes a matrix that is as wide as the highest count.
    """
    starts = tf.cumsum(counts, exclusive=True)
    begun = tf.scatter_nd(tf.expand_dims(starts, 1), tf.ones_like(counts), [tf.reduce_sum(counts) + 1])
    return tf.cumsum(begun[:-1]) - 1


def where(mask: tf.Tensor, *values: tf.Tensor) -> list[tf.Tensor]:
    """bool [n], [n] each -> [m] each, as `tf.boolean_mask` with a tenth of its operations."""
    indices = _indices(mask)
    return [tf.gather(value, indices) for value in values]


def _indices(mask: tf.Tensor) -> tf.Tensor:
    """bool [n] -> int64 [m]: where it is true. A slice would be four operations more."""
    return tf.squeeze(tf.where(mask), 1)


def begin_indices(group: tf.Tensor) -> tf.Tensor:
    """[n], never falling -> int64 [groups]: the index of the first of each group."""
    return _indices(begins_group(group))


def marked(places: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """int32 or int64 [n] -> bool [size]: whether each index is among the places."""
    ones = tf.ones_like(places, tf.int32)
    return tf.scatter_nd(tf.expand_dims(places, 1), ones, [tf.cast(size, places.dtype)]) > 0


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


def joined(parts: tf.RaggedTensor) -> tf.RaggedTensor:
    """Ragged [n, parts, values] -> [n, values]: `merge_dims(1, 2)` with a tenth of its operations, which are checks."""
    splits = tf.gather(parts.values.row_splits, parts.row_splits)
    return tf.RaggedTensor.from_row_splits(parts.values.values, splits, validate=False)


class Graphemes:
    """Finds grapheme clusters in a TensorFlow graph.

    Pairs of regional indicators (flags) are not joined: nobody who asks about clusters of less than six bytes
    sees the difference.
    """

    def __init__(self):
        self._properties = CharacterTable(_properties())

    def begins(self, characters: tf.Tensor, segment: tf.Tensor) -> tf.Tensor:
        """int32 [n], int64 [n] -> bool [n]: where a cluster begins."""
        properties = self._properties(characters)

        def has(bits, values=properties):
            return tf.not_equal(tf.bitwise.bitwise_and(values, bits), 0)

        previous = tf.concat([[0], properties[:-1]], 0)[:tf.size(properties)]
        old_characters = tf.concat([[0], characters[:-1]], 0)[:tf.size(properties)]
        extends = has(_EXTENDS)
        joined = extends | has(_PREPENDS, previous) | self._syllable(has, previous)
        first = begins_group(segment)
        joined |= self._after_base(has, previous, tf.logical_not(extends) | first)
        joined &= tf.logical_not(has(_CONTROL) | has(_CONTROL, previous))
        joined |= tf.equal(characters, ord("\n")) & tf.equal(old_characters, ord("\r"))
        return tf.logical_not(joined) | first

    def _syllable(self, has, previous):
        leading, vowel = has(_LEADING, previous), has(_VOWEL | _OPEN_SYLLABLE, previous)
        return ((leading & has(_LEADING | _VOWEL | _OPEN_SYLLABLE | _CLOSED_SYLLABLE))
                | (vowel & has(_VOWEL | _TRAILING))
                | (has(_TRAILING | _CLOSED_SYLLABLE, previous) & has(_TRAILING)))

    def _after_base(self, has, previous, is_base):
        """A picture after a joiner, or a consonant after a linker, belongs to the one before."""
        base = tf.maximum(tf.cumsum(tf.cast(is_base, tf.int32), exclusive=True) - 1, 0)
        bases = tf.concat([tf.where(is_base)[:, 0], [0]], 0)
        before = tf.gather(bases, base)

        def between(flags):
            """How many characters after the base and before this one have the flag."""
            total = tf.cumsum(tf.cast(flags, tf.int32), exclusive=True)
            return total - tf.gather(tf.concat([total, [0]], 0), before + 1)

        base_has = [tf.gather(tf.concat([has(bit), [False]], 0), before) for bit in (_PICTURE, _CONSONANT)]
        picture = has(_PICTURE) & has(_JOINER, previous) & base_has[0]
        picture &= tf.equal(between(tf.logical_not(has(_MARK | _JOINER))), 0)
        consonant = has(_CONSONANT) & base_has[1] & (between(has(_LINKER)) > 0)
        consonant &= tf.equal(between(tf.logical_not(has(_CONJUNCT))), 0)
        return picture | consonant


@functools.lru_cache(maxsize=1)
def _properties() -> np.ndarray:
    """int32 [characters of Unicode], asked of Hugging Face's tokenizers (two seconds, cached)."""
    characters = np.array([c for c in assignable() if c not in "\r\n"], object)
    extends = _letters("a", characters, "") == 1

    def among(some: np.ndarray, ask: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The answers about some characters; the others have no such property."""
        answers = np.zeros(len(characters), bool)
        answers[some] = ask(characters[some])
        return answers

    found = {
        _EXTENDS: extends,
        _PREPENDS: _letters("", characters, "a") == 1,
        # An accent after a control character is by itself, hence two of them are one short cluster.
        _CONTROL: _letters("", characters, _ACCENT * 2) == 2,
        _PICTURE: among(~extends, lambda some: _letters(_COPYRIGHT + _ZWJ, some, "") == 3),
        # Something of each kind is followed by an accent: only in a long cluster is that a letter of its own.
        _MARK: among(extends, lambda some: _all_single(_COPYRIGHT, some, _ZWJ + _COPYRIGHT + _ACCENT)),
        _CONSONANT: among((_lengths(characters) == 3) & ~extends,
                          lambda some: _all_single(_KA + _VIRAMA, some, _ACCENT)),
        _LINKER: among(extends, lambda some: _all_single(_KA, some, _KA + _ACCENT)),
        _CONJUNCT: among(extends, lambda some: _all_single(_KA + _VIRAMA, some, _KA + _ACCENT)),
    }
    table = np.zeros(sys.maxunicode + 1, np.int32)
    numbers = [ord(character) for character in characters]
    for bit, flags in found.items():
        table[numbers] |= np.where(flags, np.int32(bit), np.int32(0))
    table[[ord("\r"), ord("\n")]] = _CONTROL
    table[ord(_ZWJ)] |= _JOINER
    for bit, ranges in ((_LEADING, [(0x1100, 0x1160), (0xA960, 0xA97D)]),
                        (_VOWEL, [(0x1160, 0x11A8), (0xD7B0, 0xD7C7)]),
                        (_TRAILING, [(0x11A8, 0x1200), (0xD7CB, 0xD7FC)]),
                        (_CLOSED_SYLLABLE, [(0xAC00, 0xD7A4)])):
        for begin, end in ranges:
            table[begin:end] |= bit
    table[0xAC00:0xD7A4:28] = _OPEN_SYLLABLE
    return table


def _all_single(before: str, characters: Iterable[str], after: str) -> np.ndarray:
    """bool [characters]: whether each character of the string became a letter of its own."""
    return _letters(before, characters, after) == len(before) + 1 + len(after)


def _letters(before: str, characters: Iterable[str], after: str) -> np.ndarray:
    """int [characters]: how many letters each one becomes with what is put around it."""
    from tokenizers.normalizers import Precompiled

    normalizer = Precompiled(every_cluster_a_letter(b"\n"))
    answer = normalizer.normalize_str("".join(f"{before}{character}{after}\n" for character in characters))
    return np.array([len(line) for line in answer.split("\n")[:-1]])


def _lengths(characters: Iterable[str]) -> np.ndarray:
    return np.array([len(character.encode()) for character in characters])


def every_cluster_a_letter(without: bytes) -> bytes:
    """A character map whose keys are all characters but some of ASCII, and whose only value is "P".

    Its trie is a double array as in `charsmap`, made of blocks of 256 units: the first bytes, one to three
    bytes to come, and the end of a character.
    """
    first, end, one, two, three = (256 * number for number in range(1, 6))
    units = np.zeros(256 * 6, np.uint32)
    units[0] = first << 10
    units[end] = 1 << 31

    def link(block, labels, target):
        for label in labels:
            leaf = 1 << 8 if target == end else 0
            units[block + label] = ((block + label) ^ target) << 10 | leaf | label

    link(first, (label for label in range(1, 128) if label not in without), end)
    for block, labels, target in ((first, range(0xC0, 0xE0), one), (first, range(0xE0, 0xF0), two),
                                  (first, range(0xF0, 0xF8), three), (one, range(0x80, 0xC0), end),
                                  (two, range(0x80, 0xC0), one), (three, range(0x80, 0xC0), two)):
        link(block, labels, target)
    return struct.pack("<I", units.nbytes) + units.tobytes() + b"P\0"
