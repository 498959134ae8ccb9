"""Hugging Face's normalizers in a TensorFlow graph."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from xtremedistil_tf.tokenization.character_rules import ITSELF, ask, assignable
from xtremedistil_tf.tokenization.graph.charsmap import CharacterMap
from xtremedistil_tf.tokenization.graph.normal_forms import NormalForm
from xtremedistil_tf.tokenization.graph.text import Outputs, Text, begins_group, runs, table_of, white_space

_FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# These look at one character at a time.
_BY_CHARACTER = ("Nmt", "Lowercase", "StripAccents")
_REPEATED = re.compile(r"(.)\{2,\}")


def steps_of(normalizer: dict[str, Any] | None) -> list[Callable[[Text], Text]]:
    """The steps of a normalizer in the form of the tokenizer's file, for which `unsupported_step` is None."""
    return [_step(part) for part in _parts(normalizer)]


def unsupported_step(normalizer: dict[str, Any] | None) -> str | None:
    """What part of the normalizer has no graph form."""
    for part in _parts(normalizer):
        kind = part["type"]
        if kind == "Replace":
            if _repeated(part["pattern"]) is None:
                return f"Replace({part['pattern']})"
        elif kind not in (*_FORMS, *_BY_CHARACTER, "Precompiled", "Strip"):
            return kind
    return None


def _parts(normalizer: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if normalizer is None:
        return
    if normalizer["type"] != "Sequence":
        yield normalizer
        return
    for part in normalizer["normalizers"]:
        yield from _parts(part)


def _step(part: dict[str, Any]) -> Callable[[Text], Text]:
    kind = part["type"]
    if kind in _FORMS:
        return NormalForm(kind)
    if kind in _BY_CHARACTER:
        return ByCharacter(kind)
    if kind == "Precompiled":
        return CharacterMap(base64.b64decode(part["precompiled_charsmap"]))
    if kind == "Strip":
        return Strip(part["strip_left"], part["strip_right"])
    return Repeated(*_repeated(part["pattern"]), part["content"])


def _repeated(pattern: dict[str, str]) -> tuple[str, int, bool] | None:
    """The character that the pattern repeats, how often, and whether all that follow belong to the match."""
    if "String" in pattern:
        string = pattern["String"]
        return (string[0], len(string), False) if string and set(string) == {string[0]} else None
    found = _REPEATED.fullmatch(pattern["Regex"])
    return (found[1], 2, True) if found and found[1] not in r"\.^$*+?{}[]|()" else None


class ByCharacter:
    """What becomes of a character does not depend on others: Hugging Face is asked about each.

    Args:
        kind: name of a normalizer of Hugging Face that is made without arguments.
    """

    def __init__(self, kind: str):
        changed = _changed(kind)
        outputs = list(dict.fromkeys([ITSELF, *changed.values()]))
        numbers = {output: number for number, output in enumerate(outputs)}
        self._number_of = table_of({c: numbers[output] for c, output in changed.items()})
        self._outputs = Outputs(outputs)

    def __call__(self, text: Text) -> Text:
        characters, source, _ = self._outputs.replace(text.characters, self._number_of(text.characters))
        return text.gather(source)._replace(characters=characters)


@functools.lru_cache(maxsize=len(_BY_CHARACTER))
def _changed(kind: str) -> dict[str, str]:
    """What becomes of the characters that do not stay as they are (a second, cached)."""
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
