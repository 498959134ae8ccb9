"""Hugging Face's normalizers in a TensorFlow graph, SentencePiece's precompiled character maps among them."""

from __future__ import annotations

import base64
import functools
import itertools
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.tokenization.graph.added_tokens import Trie
from xtremedistil_tf.tokenization.graph.character_rules import ITSELF, ask, assignable
from xtremedistil_tf.tokenization.graph.normal_forms import NormalForm, transform
from xtremedistil_tf.tokenization.graph.text import (
    Graphemes,
    Outputs,
    Text,
    begins_group,
    marked,
    runs,
    table_of,
    where,
    white_space,
)
from xtremedistil_tf.tokenization.texts import flat_steps

# Grapheme clusters of more bytes are mapped character by character.
_LONGEST_CLUSTER = 5
_BYTES = [bytes([byte]) for byte in range(256)]
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# These look at one character at a time.
_BY_CHARACTER = ("Nmt", "Lowercase", "StripAccents")
_REPEATED = re.compile(r"(.)\{2,\}")
# Characters and ranges of them, none of which means something else to any reader of expressions.
_CLASS = re.compile(r"\[(?:[^]\\[^&~|-](?:-[^]\\[^&~|-])?)+\]", re.DOTALL)


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


def steps_of(normalizer: dict[str, Any] | None) -> list[Callable[[Text], Text]]:
    """The steps of a normalizer in the form of the tokenizer's file, for which `unsupported_step` is None."""
    steps: list[Callable[[Text], Text]] = []
    for alone, some in itertools.groupby(flat_steps(normalizer, "normalizers"), _is_by_character):
        parts = list(some)
        steps += [ByCharacter(parts)] if alone else map(_step, parts)
    return steps


def unsupported_step(normalizer: dict[str, Any] | None) -> str | None:
    """What part of the normalizer has no graph form."""
    for part in flat_steps(normalizer, "normalizers"):
        kind = part["type"]
        if kind == "Replace":
            if _repeated(part["pattern"]) is None and not _is_by_character(part):
                return f"Replace({part['pattern']})"
        elif kind not in (*_FORMS, *_BY_CHARACTER, "Precompiled", "Strip"):
            return kind
    return None


def _step(part: dict[str, Any]) -> Callable[[Text], Text]:
    kind = part["type"]
    if kind in _FORMS:
        return NormalForm(kind)
    if kind == "Precompiled":
        return CharacterMap(base64.b64decode(part["precompiled_charsmap"]))
    if kind == "Strip":
        return Strip(part["strip_left"], part["strip_right"])
    return Repeated(*_repeated(part["pattern"]), part["content"])


def _is_by_character(part: dict[str, Any]) -> bool:
    """Whether what becomes of a character does not depend on others."""
    return part["type"] in _BY_CHARACTER or replaces_characters(part)


def replaces_characters(part: dict[str, Any]) -> bool:
    """Whether a step replaces each character of a class, such as `[\\t\\n]`, by itself."""
    return (part["type"] == "Replace" and _CLASS.fullmatch(part["pattern"].get("Regex", "")) is not None
            and ITSELF not in part["content"])


def _repeated(pattern: dict[str, str]) -> tuple[str, int, bool] | None:
    """The character that the pattern repeats, how often, and whether all that follow belong to the match."""
    if "String" in pattern:
        string = pattern["String"]
        return (string[0], len(string), False) if string and set(string) == {string[0]} else None
    found = _REPEATED.fullmatch(pattern["Regex"])
    return (found[1], 2, True) if found and found[1] not in r"\.^$*+?{}[]|()" else None


class ByCharacter:
    """What becomes of a character does not depend on others: any number of steps are one table.

    Args:
        parts: steps in the form of the tokenizer's file.
    """

    def __init__(self, parts: list[dict[str, Any]]):
        changed = functools.reduce(_one_after_the_other, map(_changed_by, parts))
        outputs = list(dict.fromkeys([ITSELF, *changed.values()]))
        numbers = {output: number for number, output in enumerate(outputs)}
        self._number_of = table_of({c: numbers[output] for c, output in changed.items()})
        self._outputs = Outputs(outputs)

    def __call__(self, text: Text) -> Text:
        characters, source, _ = self._outputs.replace(text.characters, self._number_of(text.characters))
        return text.gather(source)._replace(characters=characters)


def _one_after_the_other(first: dict[str, str], second: dict[str, str]) -> dict[str, str]:
    """What becomes of characters by two steps."""
    changed = {c: "".join(second.get(new, new) for new in output) for c, output in first.items()}
    return {**second, **changed}


def _changed_by(part: dict[str, Any]) -> dict[str, str]:
    if part["type"] != "Replace":
        return _changed(part["type"])
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    return dict.fromkeys(re.findall(part["pattern"]["Regex"], every), part["content"])


@functools.lru_cache(maxsize=len(_BY_CHARACTER))
def _changed(kind: str) -> dict[str, str]:
    """What becomes of the characters that do not stay as they are, asked of Hugging Face (a second, cached)."""
    from tokenizers import normalizers

    characters = assignable()
    answers = ask(getattr(normalizers, kind)().normalize_str, characters)
    return {c: answer for c, answer in zip(characters, answers) if answer != c}


class Strip:
    """Takes white space from the ends of each segment."""

    def __init__(self, left: bool, right: bool):
        self._left, self._right = left, right
        self._is_white_space = white_space()

    def __call__(self, text: Text) -> Text:
        begins = begins_group(text.segment)
        number = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        index = tf.range(tf.size(begins, tf.int64))
        solid = tf.where(tf.logical_not(self._is_white_space(text.characters)))[:, 0]
        count = tf.reduce_sum(tf.cast(begins, tf.int64))
        owner = tf.gather(number, solid)
        first = tf.math.unsorted_segment_min(solid, owner, count)
        last = tf.math.unsorted_segment_max(solid, owner, count)
        keep = tf.ones_like(begins)
        # Without anything else than white space the first is beyond all indices and the last before.
        if self._left:
            keep = tf.logical_and(keep, index >= tf.gather(first, number))
        if self._right:
            keep = tf.logical_and(keep, index <= tf.gather(last, number))
        return text.where(keep)


class Repeated:
    """Replaces repetitions of a character; the new characters are aligned to the last one of the match.

    Args:
        character: what is repeated.
        count: how often.
        greedy: whether all that follow belong to the match too.
        content: what takes the place of a match.
    """

    def __init__(self, character: str, count: int, greedy: bool, content: str):
        self._character, self._count, self._greedy = ord(character), count, greedy
        self._outputs = Outputs([ITSELF, content, ""])

    def __call__(self, text: Text) -> Text:
        found = tf.equal(text.characters, self._character)
        run, run_segment = runs(found, text.segment)
        places = tf.where(found)[:, 0]
        lengths = tf.math.bincount(tf.cast(run, tf.int32), minlength=tf.size(run_segment), dtype=tf.int64)
        length = tf.gather(lengths, run)
        within = tf.range(tf.size(run, tf.int64)) - tf.gather(tf.cumsum(lengths, exclusive=True), run)
        if self._greedy:
            matched, last = length >= self._count, tf.equal(within + 1, length)
        else:
            matched = within < length // self._count * self._count
            last = tf.equal(within % self._count, self._count - 1)
        numbers = tf.where(matched, tf.where(last, 1, 2), 0)
        numbers = tf.scatter_nd(places[:, None], numbers, tf.shape(text.characters, tf.int64))
        characters, source, _ = self._outputs.replace(text.characters, numbers)
        return text.gather(source)._replace(characters=characters)
