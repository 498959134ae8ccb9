"""Unicode normal forms in a TensorFlow graph, as Hugging Face's normalizers make them."""

from __future__ import annotations

import functools
import sys
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.character_rules import ITSELF, ask, assignable, combining_ranks, non_starters
from xtremedistil_tf.tokenization.graph.text import (
    CharacterTable,
    Outputs,
    Text,
    begin_indices,
    begins_group,
    repeated,
    table_of,
    where,
)

# More than the ranks of combining characters.
_RANKS = 1 << 10
_BITS = 21


class NormalForm:
    """Decomposes characters, sorts combining characters, and composes again (NFC, NFKC).

    Args:
        form: "NFC", "NFD", "NFKC" or "NFKD".
    """

    def __init__(self, form: str):
        unicode = _unicode("K" in form)
        outputs = list(dict.fromkeys([ITSELF, *unicode.outputs.values()]))
        numbers = {output: number for number, output in enumerate(outputs)}
        self._number_of = table_of({c: numbers[output] for c, output in unicode.outputs.items()})
        self._outputs = Outputs(outputs)
        self._rank = table_of(unicode.ranks)
        self._composition = _Composition(unicode.pairs) if form.endswith("C") else None

    def __call__(self, text: Text) -> Text:
        characters, source, within = self._outputs.replace(text.characters, self._number_of(text.characters))
        changes = tf.cast(within > 0, tf.int64)
        segment = tf.gather(text.segment, source)
        ranks = self._rank(characters)
        characters, ranks, changes = _sort(characters, ranks, changes, segment)
        if self._composition:
            characters, changes, segment = self._composition(characters, ranks, changes, segment)
        return transform(text, characters, changes, segment)


class _Composition:
    """Composes starters with the characters after them.

    Args:
        pairs: two characters -> the one that they make.
    """

    def __init__(self, pairs: dict[tuple[str, str], str]):
        keys = np.array([ord(first) << _BITS | ord(second) for first, second in pairs], np.int64)
        order = np.argsort(keys)
        self._keys = tf.constant(keys[order])
        composed = np.array([ord(character) for character in pairs.values()], np.int32)
        self._composed = tf.constant(composed[order])
        seconds = np.zeros(sys.maxunicode + 1, bool)
        seconds[[ord(second) for _, second in pairs]] = True
        self._is_second = CharacterTable(seconds)

    def __call__(self, characters, ranks, changes, segment):
        """int32, int32, int64 and int64 [n] -> int32, int64, int64 [m]"""
        # What neither combines nor is sorted, nor anything after it before the next such, stays as it is.
        apart = tf.logical_and(tf.equal(ranks, 0), tf.logical_not(self._is_second(characters)))
        begins = tf.logical_or(apart, begins_group(segment))
        starts = tf.where(begins)[:, 0]
        ends = tf.concat([starts[1:], [tf.size(segment, tf.int64)]], 0)[:tf.size(starts)]
        starts, ends = where(ends - starts > 1, starts, ends)
        # Of each chain: the last starter (-1: none yet), and the highest rank after it.
        starter = tf.where(tf.equal(tf.gather(ranks, starts), 0), starts, np.int64(-1))
        kept = tf.ones_like(segment, tf.bool)
        state = [starts + 1, ends, starter, tf.zeros_like(starts, tf.int32), characters, changes, kept]
        shapes = [tf.TensorShape([None])] * len(state)
        state = tf.while_loop(lambda place, *_: tf.size(place) > 0,
                              lambda *state: self._step(ranks, *state), state, shapes)
        characters, changes, kept = state[-3:]
        return where(kept, characters, changes, segment)

    def _step(self, ranks, place, ends, starter, last, characters, changes, kept):
        """Takes in one character of each chain."""
        rank, character = tf.gather(ranks, place), tf.gather(characters, place)
        first = tf.gather(characters, tf.maximum(starter, 0))
        composed, exists = self._compose(first, character)
        blocked = tf.logical_and(last > 0, last >= rank)
        joins = tf.logical_and(tf.logical_and(exists, starter >= 0), tf.logical_not(blocked))
        new_starter = tf.logical_and(tf.logical_not(joins), tf.equal(rank, 0))
        onto, gone, composed = where(joins, starter, place, composed)
        characters = tf.tensor_scatter_nd_update(characters, onto[:, None], composed)
        changes = tf.tensor_scatter_nd_add(changes, onto[:, None], tf.gather(changes, gone) - 1)
        kept = tf.tensor_scatter_nd_update(kept, gone[:, None], tf.zeros_like(gone, tf.bool))
        last = tf.where(joins, last, tf.where(starter >= 0, rank, 0))
        starter = tf.where(new_starter, place, starter)
        place += 1
        place, ends, starter, last = where(place < ends, place, ends, starter, last)
        return place, ends, starter, last, characters, changes, kept

    def _compose(self, first, second):
        keys = tf.bitwise.bitwise_or(tf.bitwise.left_shift(tf.cast(first, tf.int64), np.int64(_BITS)),
                                     tf.cast(second, tf.int64))
        found = tf.minimum(tf.searchsorted(self._keys, keys), tf.size(self._keys) - 1)
        return tf.gather(self._composed, found), tf.equal(tf.gather(self._keys, found), keys)


def transform(text: Text, characters: tf.Tensor, changes: tf.Tensor, segment: tf.Tensor) -> Text:
    """Aligns new characters to those of `text`.

    Args:
      text: what they were made from.
      characters: int32 [m].
      changes: int64 [m]. 0: the character replaces the next one of the text; -k: it replaces it and k more,
          and is aligned to the first; 1: it replaces none and is aligned to the same as the one before it.
      segment: int64 [m].

    Source: `NormalizedString::transform` of Hugging Face's tokenizers.
    """
    taken = tf.maximum(1 - changes, 0)
    before = tf.cumsum(taken, exclusive=True)
    # Counted anew in each segment: what is deleted at the start of one is not accounted for.
    new_starts, old_starts = begin_indices(segment), begin_indices(text.segment)
    old_segments = tf.gather(text.segment, old_starts)
    of_segment = tf.searchsorted(old_segments, tf.gather(segment, new_starts))
    correction = tf.gather(old_starts, of_segment) - tf.gather(before, new_starts)
    lengths = tf.concat([new_starts[1:], [tf.size(segment, tf.int64)]], 0)[:tf.size(new_starts)] - new_starts
    aligned = before + tf.gather(correction, repeated(lengths)) - tf.cast(changes > 0, tf.int64)
    return text.gather(aligned)._replace(characters=characters)


def _sort(characters, ranks, changes, segment):
    """Puts the combining characters after each starter in the order of their ranks (Unicode, D109)."""
    begins = tf.logical_or(tf.equal(ranks, 0), begins_group(segment))
    falls = tf.logical_and(ranks[:-1] > ranks[1:], tf.logical_not(begins[1:]))

    def sort():
        keys = tf.cumsum(tf.cast(begins, tf.int64)) * _RANKS + tf.cast(ranks, tf.int64)
        order = tf.argsort(keys, stable=True)
        return tuple(tf.gather(values, order) for values in (characters, ranks, changes))

    return tf.cond(tf.reduce_any(falls), sort, lambda: (characters, ranks, changes))


class _Unicode(NamedTuple):
    """What Hugging Face's normal forms make of characters.

    Attributes:
        outputs: decomposition of each character that has one.
        ranks: numbers from 1 that order combining characters.
        pairs: two characters -> the one that they make.
    """

    outputs: dict[str, str]
    ranks: dict[str, int]
    pairs: dict[tuple[str, str], str]


@functools.lru_cache(maxsize=2)
def _unicode(compatibility: bool) -> _Unicode:
    """Asks Hugging Face's normalizers about every character (a few seconds, cached)."""
    from tokenizers.normalizers import NFC, NFD, NFKD

    characters = assignable()
    outputs = ask((NFKD() if compatibility else NFD()).normalize_str, characters)
    canonical = ask(NFD().normalize_str, characters)
    marks = non_starters()
    whole = [character for character, form in zip(characters, canonical) if form == character]
    ranks = combining_ranks([character for character in whole if character in marks])
    candidates = [(character, form) for character, form in zip(characters, canonical) if len(form) > 1]
    firsts = ask(NFC().normalize_str, [form[:-1] for _, form in candidates])
    composed = ask(NFC().normalize_str, [first + form[-1] for first, (_, form) in zip(firsts, candidates)])
    pairs = {(first, form[-1]): character for first, (character, form), answer
             in zip(firsts, candidates, composed) if answer == character and len(first) == 1}
    changed = {c: output for c, output in zip(characters, outputs) if output != c}
    return _Unicode(changed, ranks, pairs)
