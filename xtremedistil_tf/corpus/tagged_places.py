"""Tags of the parts of a text, which offsets place, as those of its words by another rule."""

from __future__ import annotations

import bisect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.answer_dialects import Fault
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE

OFFSETS = "offsets"
Places = list[tuple[int, int]]


def places_of(value: Any, text: str) -> Places:
    """The parts of a text.

    Args:
        value: [[start, end], ...] in characters, `end` being the one after the last.
        text: that they are of.

    Raises:
        Fault: they are no such pairs, overlap, are out of order or outside of the text.
    """
    after = 0
    for pair in value if isinstance(value, list) else [value]:
        whole = isinstance(pair, list) and len(pair) == 2 and all(type(one) is int for one in pair)
        if not whole or not after <= pair[0] < pair[1] <= len(text):
            raise Fault("texts with offsets that are not in order, or outside of the text", quoted(pair))
        after = pair[1]
    return [(start, end) for start, end in value]


def at_words(answer: Mapping[str, Sequence[Any]], places: Places,
             words: Sequence[tuple[int, int]]) -> dict[str, list[Any]]:
    """An answer for each word.

    A word has the tag of the part in which it begins; where it begins within the part, the tag of what goes on. A word
    that begins outside of all parts has that of the next one in it, or `O`.

    Args:
        answer: `tags` or `scores`, {tag: probability}, with an entry for each part.
        places: the parts.
        words: start and end of each.
    """
    starts = [start for start, _ in places]
    found: dict[str, list[Any]] = {key: [] for key in answer}
    for first, stop in words:
        place = bisect.bisect_right(starts, first) - 1
        if place < 0 or places[place][1] <= first:
            place += 1
        there = place < len(places) and places[place][0] < stop
        for key, parts in answer.items():
            one = parts[place] if there else OUTSIDE if key == "tags" else {OUTSIDE: 1.0}
            found[key].append(_going_on(one) if there and places[place][0] < first else one)
    return found


def known_scores(row: Mapping[str, float], labels: Collection[str]) -> dict[str, float]:
    """A distribution over the labels that a task has; empty, which is not known, where the best is none of them."""
    if max(row, key=row.__getitem__) not in labels:
        return {}
    return {tag: probability for tag, probability in row.items() if tag in labels}


def _going_on(tag: Any) -> Any:
    """A tag, or a distribution over tags, of the later words of what has it."""
    if isinstance(tag, str):
        return f"I{tag[1:]}" if tag.startswith("B-") else tag
    if not isinstance(tag, Mapping):
        return tag
    sums: dict[str, float] = {}
    for name, probability in tag.items():
        name = _going_on(name)
        sums[name] = sums.get(name, 0.0) + probability
    return sums
