"""New examples out of parts of two: spans of words between sentences, second texts between pairs."""

from __future__ import annotations

import collections
import dataclasses
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan, blocks
from xtremedistil_tf.corpus.example import AnyExample, Example, TextExample, normalised
from xtremedistil_tf.tasks.tagging.decoding import Entity

#: Examples among which partners are sought; part of what is made, not of how fast.
BLOCK = 1024
_TRIES = 4
_NEAREST = 5

Finder = Callable[[tuple[str, ...], "str | None"], Sequence[Entity]]


class MixedSpans(Augmenter):
    """Each variant has a span of a sentence's words, at most half of them, exchanged for one of another
    sentence of its language, half to twice as long.

    No entity is cut: none that tags say; in unlabelled text none that `find` knows, nor a row of words with
    capital initials. The variant is labelled if both sentences are.

    Args:
        find: (words, language) -> entities, as `Gazetteer.find`.
        identity: stands for `find`.
    """

    name, keeps_label = "mixing", False

    def __init__(self, find: Finder | None = None, identity: str = ""):
        self._find = find
        self.settings: dict[str, Any] = {"spans": BLOCK, "gazetteer": identity}

    def variants(self, examples: Iterable[Example], plan: VariantPlan) -> Iterator[Sequence[Example]]:
        for first, block in blocks(examples, BLOCK):
            members, cuts = by_language(block), [self._cuts(example) for example in block]
            for number, example in enumerate(block):
                rng, found = plan.random(first + number), []
                partners = members[example.language]
                for _ in range(2 * plan.wanted(first + number) if len(partners) > 1 else 0):
                    other = other_than(number, partners, rng)
                    found += _spliced(example, cuts[number], block[other], cuts[other], rng)
                yield found

    def _cuts(self, example: Example) -> list[int]:
        """Places between words, 0 before the first, at which no entity is cut."""
        words = example.words
        if example.tags is not None:
            inside = {i for i, tag in enumerate(example.tags) if tag.startswith("I-")}
        else:
            capital = [word[:1].isupper() for word in words]
            inside = {i for i in range(1, len(words)) if capital[i - 1] and capital[i]}
            for entity in self._find(words, example.language) if self._find else ():
                inside.update(range(entity.first + 1, entity.last + 1))
        return [i for i in range(len(words) + 1) if i not in inside]


class MixedPairs(Augmenter):
    """Each variant is the first text of a pair with the second text of another pair of its language.

    By chance the other pair is any, or one of the five whose second texts share most with the first one (rare
    words counting more), so that not all new pairs are plainly unrelated. Variants have no label.
    """

    name, keeps_label = "mixing", False

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"pairs": BLOCK, "nearest": _NEAREST}

    def variants(self, examples: Iterable[TextExample], plan: VariantPlan) -> Iterator[Sequence[TextExample]]:
        for first, block in blocks(examples, BLOCK):
            members = by_language(block)
            overlaps = {language: _Overlap(block, numbers) for language, numbers in members.items()}
            for number, example in enumerate(block):
                rng, found = plan.random(first + number), []
                partners = members[example.language]
                for _ in range(2 * plan.wanted(first + number) if len(partners) > 1 else 0):
                    other = other_than(number, partners, rng)
                    if rng.random() < 0.5 and (near := overlaps[example.language].of(number)):
                        other = rng.choice(near)
                    found.append(dataclasses.replace(example, pair=block[other].pair, label=None))
                yield found


def by_language(block: Sequence[AnyExample]) -> dict[str | None, list[int]]:
    """Indices of the examples of each language."""
    members: dict[str | None, list[int]] = collections.defaultdict(list)
    for number, example in enumerate(block):
        members[example.language].append(number)
    return members


def other_than(number: int, partners: Sequence[int], rng: random.Random) -> int:
    """Any of at least two partners besides `number`."""
    while (other := rng.choice(partners)) == number:
        pass
    return other


def _spliced(example: Example, cuts: list[int], other: Example, other_cuts: list[int],
             rng: random.Random) -> list[Example]:
    """The sentence with one span exchanged; none if no spans were found that go together."""
    for _ in range(_TRIES):
        begin, end = _span(cuts, len(example.words) / 2, 0, rng)
        length = end - begin
        other_begin, other_end = _span(other_cuts, 2 * length, length / 2, rng)
        if length and other_end > other_begin:
            words, tags = (None if first is None or second is None
                           else (*first[:begin], *second[other_begin:other_end], *first[end:])
                           for first, second in ((example.words, other.words), (example.tags, other.tags)))
            return [dataclasses.replace(example, words=words, tags=tags)]
    return []


def _span(cuts: list[int], most: float, least: float, rng: random.Random) -> tuple[int, int]:
    """Two cuts at most and at least so many words apart; equal ones if none follows the first drawn."""
    begin = rng.choice(cuts) if cuts else 0
    ends = [cut for cut in cuts if max(least, 1) <= cut - begin <= most]
    return begin, rng.choice(ends) if ends else begin


class _Overlap:
    """Which second texts of a block share words with which first texts."""

    def __init__(self, block: Sequence[TextExample], numbers: Sequence[int]):
        self._first = {number: _words(block[number].text) for number in numbers}
        self._second: dict[str, list[int]] = collections.defaultdict(list)
        for number in numbers:
            for word in _words(block[number].pair):
                self._second[word].append(number)
        self._total = len(numbers)

    def of(self, number: int) -> list[int]:
        """The other pairs whose second texts share most with a first text."""
        scores: dict[int, float] = collections.defaultdict(float)
        for word in sorted(self._first[number]):
            holders = self._second.get(word, ())
            if 10 * len(holders) <= max(self._total, 20):  # words of every text say nothing
                for holder in holders:
                    scores[holder] += math.log(self._total / len(holders)) + 1
        scores.pop(number, None)
        return sorted(scores, key=lambda other: (-scores[other], other))[:_NEAREST]


def _words(text: str | None) -> set[str]:
    return set(normalised(text or "").split())
