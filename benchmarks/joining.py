"""Words of labelled data joined to text as people write it: and F1 of places in it, for scripts that measure raw text."""

from __future__ import annotations

import collections
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from xtremedistil_tf.tokenization.raw_words import MARK, UNSPACED, kind_of

_CLOSING = ",.;:!?%،؛؟।॥、。…‰°"
_OPENING = "¿¡$€£#@"
_WITHOUT_SPACES = ("ja", "km", "lo", "my", "th", "zh")
_QUOTES = ('"', "''", "'", "``", "`", "**", "*")


class Joiner:
    """Joins words to text as people write it.

    Args:
        language: of the text: French has spaces around `«` and `»`, and before `;:!?`; languages without spaces have
            none around words of other scripts either.
    """

    def __init__(self, language: str):
        self._french, self._has_spaces = language == "fr", language not in _WITHOUT_SPACES

    def text(self, words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
        """The text, and the place of each word in it."""
        text, spans, opened, glued = "", [], collections.Counter(), True
        for word in words:
            closes = word in _QUOTES and opened[word] % 2 == 1
            if not (glued or closes or self._leans_back(word) or (text and self._unspaced(text[-1], word[0]))):
                text += "\u00a0" if self._french and word in (";", ":", "!", "?", "»") else " "
            spans.append((len(text), len(text) + len(word)))
            text += word
            glued = self._leans_on(word) or (word in _QUOTES and not closes)
            opened[word] += 1
        return text, spans

    def _leans_back(self, word: str) -> bool:
        if self._french and word in (";", ":", "!", "?", "»"):
            return False
        return (_all(word, ("Pe", "Pf"), _CLOSING) or word == "/" or word == "n't"
                or (word[0] in "'’" and word[1:].isalpha()))

    def _leans_on(self, word: str) -> bool:
        if self._french and word == "«":
            return False
        return (_all(word, ("Ps", "Pi"), _OPENING) or word == "/"
                or (word[-1] in "'’" and word[:-1].isalpha()))

    def _unspaced(self, before: str, after: str) -> bool:
        kinds = kind_of(before), kind_of(after)
        if self._has_spaces:
            return all(kind & UNSPACED for kind in kinds)
        return any(kind & UNSPACED for kind in kinds) and all(kind & (UNSPACED | MARK) or character.isalnum()
                                                              for kind, character in zip(kinds, (before, after)))


def _all(word: str, categories: tuple[str, ...], marks: str) -> bool:
    return all(character in marks or unicodedata.category(character) in categories for character in word)


def f1(wanted: Iterable[Collection[Any]], found: Iterable[Collection[Any]]) -> float:
    """F1 of places."""
    right = total = 0
    for one, other in zip(wanted, found):
        right += 2 * len(set(one) & set(other))
        total += len(one) + len(other)
    return right / max(total, 1)
