"""Telling variants that are new from those that were there before, or nearly."""

from __future__ import annotations

import array
import itertools
from typing import Any

# Above so many characters to a word, the script has no spaces between words.
_LONGEST_MEAN_WORD = 12


class DigestSet:
    """A set of 8-byte digests in 12 to 24 bytes each, where Python's own set takes 100: this is what an
    augmented stream remembers of every example."""

    def __init__(self) -> None:
        self._slots = array.array("Q", bytes(8 * 1024))
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, value: int) -> bool:
        """Adds a digest and tells whether it was new."""
        if 3 * self._used >= 2 * len(self._slots):
            self._grow()
        new = self._put(value or 1)  # 0 marks a free slot
        self._used += new
        return new

    def _put(self, value: int) -> bool:
        slots, last = self._slots, len(self._slots) - 1
        place = value & last
        while found := slots[place]:
            if found == value:
                return False
            place = (place + 1) & last
        slots[place] = value
        return True

    def _grow(self) -> None:
        old, self._slots = self._slots, array.array("Q", bytes(16 * len(self._slots)))
        for value in old:
            if value:
                self._put(value)


def similarity(first: tuple[str, ...], second: tuple[str, ...]) -> float:
    """Jaccard similarity of the pairs of neighbouring words, in [0, 1]; of several texts the least, since a
    changed question beside an unchanged context is another example.

    Of scripts without spaces, pairs of characters are compared.

    Args:
        first, second: what `parts_of` gave.
    """
    return min((1.0 if one == other else _jaccard(_shingles(one), _shingles(other))
                for one, other in zip(first, second)), default=1.0)


def _jaccard(first: set[Any], second: set[Any]) -> float:
    return len(first & second) / max(1, len(first | second))


def _shingles(text: str) -> set[tuple[str, ...]]:
    units = text.split()
    if len(text) > _LONGEST_MEAN_WORD * len(units):
        units = list(text.replace(" ", ""))
    return set(itertools.pairwise(units)) if len(units) > 1 else {(unit,) for unit in units}
