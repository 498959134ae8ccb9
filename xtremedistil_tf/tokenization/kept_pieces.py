"""Which pieces a trimmed vocabulary keeps: those of the text, and further ones that new text is likely to need.

With little text many pieces of new text were never seen. So pieces of the text's scripts are added, likeliest first,
until dev text lacks hardly any. How likely a piece is, is told by its rank in the vocabulary (trainers of WordPiece,
BPE and Unigram write the frequent pieces first; Zipf's law makes a frequency of a rank) and by its letters: the mean
logarithm of the probabilities of its trigrams of characters in the pieces of the text. A vocabulary of a hundred
languages has pieces of many of them in one script, which the rank alone does not tell apart.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

#: Share of the pieces of dev text that may be lacking; then no further ones are kept.
LACKING = 0.01
#: A script of fewer of the text's letters than this is none of its own.
_SCRIPT_SHARE = 0.005
# Ranks up to about here belong to characters and unused entries as much as to frequent pieces.
_RANK_OFFSET = 1000
# Measured: 1 is better for vocabularies of many languages, 0 for those of one.
_LETTERS_WEIGHT = 0.5
_SMOOTHING = 0.02
_BEGIN, _END = "\x02", "\x03"


@dataclasses.dataclass(frozen=True)
class KeptPieces:
    """What to keep of a vocabulary, beside what `trim_tokenizer` keeps in any case.

    Attributes:
        mask: bool [ids], pieces to keep: those of the text, of dev text, and further ones.
        seen: number of pieces that occur in the text or in dev text.
        further: number of pieces that occur in neither and are kept.
        lacking_alone: share of the pieces of dev text that the pieces of the text alone would lack; their words are
            split differently.
        lacking: the same with the further ones, those of dev text itself aside.
    """

    mask: np.ndarray
    seen: int
    further: int
    lacking_alone: float
    lacking: float

    def to_json(self) -> dict[str, Any]:
        """For `metrics.json`."""
        return {"seen": self.seen, "further": self.further, "dev_lacking": self.lacking,
                "dev_lacking_without_further": self.lacking_alone}


def piece_counts(count: int, ids: Iterable[np.ndarray]) -> np.ndarray:
    """int64 [count]: how often each of so many pieces occurs in arrays of ids."""
    counts = np.zeros(count, np.int64)
    for part in ids:
        counts += np.bincount(part, minlength=count)
    return counts


def kept_pieces(tokenizer: Any, text: np.ndarray, dev: np.ndarray, most: int) -> KeptPieces:
    """Chooses what a vocabulary is trimmed to.

    Args:
        tokenizer: fast tokenizer of transformers.
        text: int [ids], how often each piece occurs in training and transfer text.
        dev: the same of dev text, which tells how much new text lacks.
        most: further pieces to keep at most.
    """
    names = sorted((item for item in tokenizer.get_vocab().items() if item[1] < len(text)), key=lambda item: item[1])
    known = text > 0
    for name, number in names:
        known[number] |= len(_bare(name)) <= 1  # which are kept in any case
    known[tokenizer.all_special_ids] = True
    total = max(1, int(dev.sum()))
    lacking = int(dev[~known].sum())
    likeliest = _likeliest(names, text, known) if most and lacking > LACKING * total else np.zeros(0, np.int64)
    left = lacking - np.cumsum(dev[likeliest[:most]])
    enough = np.flatnonzero(left <= LACKING * total)
    chosen = likeliest[:most][: enough[0] + 1 if len(enough) else most]
    mask = (text > 0) | (dev > 0)
    seen, mask[chosen] = int(mask.sum()), True
    return KeptPieces(mask, seen, int(mask.sum()) - seen, lacking / total,
                      float(left[len(chosen) - 1] if len(chosen) else lacking) / total)


def _likeliest(names: list[tuple[str, int]], counts: np.ndarray, known: np.ndarray) -> np.ndarray:
    """int64 [n]: ids of pieces in the text's scripts that it does not use, the likeliest first."""
    letters, scripts = _Trigrams(), collections.Counter[str]()
    for name, number in names:
        if counts[number]:
            letters.add(name, int(counts[number]))
            for script in _scripts(name):
                scripts[script] += int(counts[number])
    used = {script for script, count in scripts.items() if count >= _SCRIPT_SHARE * scripts.total()}
    candidates = [(name, number) for name, number in names if not known[number] and _scripts(name) <= used]
    scores = [_LETTERS_WEIGHT * letters.mean_log_probability(name) - math.log(number + _RANK_OFFSET)
              for name, number in candidates]
    order = np.argsort(-np.array(scores), kind="stable")
    return np.array([number for _, number in candidates], np.int64)[order]


class _Trigrams:
    """A model of the characters of pieces: of each character given the two before it."""

    def __init__(self) -> None:
        self._trigrams, self._pairs = collections.Counter[str](), collections.Counter[str]()

    def add(self, piece: str, times: int) -> None:
        for trigram in _trigrams(piece):
            self._trigrams[trigram] += times
            self._pairs[trigram[:2]] += times

    def mean_log_probability(self, piece: str) -> float:
        logs = [math.log((self._trigrams[t] + _SMOOTHING) / (self._pairs[t[:2]] + 1)) for t in _trigrams(piece)]
        return sum(logs) / len(logs)


def _trigrams(piece: str) -> Iterator[str]:
    framed = f"{_BEGIN}{piece}{_END}"
    return (framed[start: start + 3] for start in range(max(1, len(framed) - 2)))


def _bare(piece: str) -> str:
    """A piece without the marks of the usual tokenizers for beginning and going on of a word."""
    return piece.removeprefix("##").lstrip("\u2581")


def _scripts(piece: str) -> frozenset[str]:
    """The scripts of a piece's letters."""
    return frozenset(script for script in map(_script, piece) if script)


@functools.lru_cache(1 << 16)
def _script(character: str) -> str:
    """Name of a letter's script as Unicode names its characters: LATIN, CYRILLIC, CJK, ...; "" of others."""
    if not character.isalpha():
        return ""
    return unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
