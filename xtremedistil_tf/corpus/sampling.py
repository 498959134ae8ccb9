"""Parts of labelled data: the first ones or a stratified sample, a dev set held out, and what stands in it twice."""

from __future__ import annotations

import itertools
import logging
import random
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from xtremedistil_tf.corpus.example import AnyExample, Example, TextExample, digest, parts_of

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The same sample whatever the seed of a run is: runs with other seeds are compared on the same data.
_SEED = 42
#: Classes follow each other in this share of the changes that a shuffled file has: it is sorted, at least by and large.
_SORTED = 0.5
_FEWEST = 20
_BINS = 5


def stratum(example: AnyExample) -> Hashable:
    """What a sample keeps the shares of: the language, and of classified texts the class."""
    label = example.label if isinstance(example, TextExample) and not isinstance(example.label, float) else None
    return example.language, label


def sample(examples: list[AnyExample], limit: int | None) -> tuple[list[AnyExample], list[AnyExample]]:
    """`limit` examples of each language, and the others, both in their order.

    The first ones, unless the examples of a language are sorted by class: then a stratified sample, which is said.
    """
    if limit is None:
        return examples, []
    by_language: dict[str | None, list[int]] = {}
    for place, example in enumerate(examples):
        by_language.setdefault(example.language, []).append(place)
    kept: set[int] = set()
    for language, places in by_language.items():
        if limit < len(places) and is_sorted([_class(examples[place]) for place in places]):
            where = f" of {language}" if language else ""
            log.warning("the examples%s are sorted by class: %d of %d are a stratified sample, not the first ones",
                        where, limit, len(places))
            kept |= set(stratified(places, [_class(examples[place]) for place in places], limit))
        else:
            kept |= set(places[:limit])
    return ([example for place, example in enumerate(examples) if place in kept],
            [example for place, example in enumerate(examples) if place not in kept])


def _class(example: AnyExample) -> Hashable:
    label = getattr(example, "label", None)
    return int(label) if isinstance(label, float) else label


def evenly(examples: Iterable[T], total: int, most: int) -> Iterator[T]:
    """At most `most` of `total` examples, spread evenly over the whole, in order."""
    kept = min(most, total)
    for index, example in enumerate(itertools.islice(examples, total)):
        if (index + 1) * kept // total > index * kept // total:
            yield example


def is_sorted(classes: Sequence[Hashable]) -> bool:
    """Whether equal classes stand together more than by chance."""
    if len(classes) < _FEWEST or len(set(classes)) < 2:
        return False
    changes = sum(one != other for one, other in itertools.pairwise(classes))
    shares = [count / len(classes) for count in Counter(classes).values()]
    return changes < _SORTED * (len(classes) - 1) * (1 - sum(share * share for share in shares))


def stratified(items: Sequence[int], strata: Sequence[Hashable], count: int) -> list[int]:
    """`count` of the items, of each stratum its share, chosen at random with a fixed seed.

    Args:
        items: to choose from.
        strata: of each item.
        count: how many, at most all.
    """
    groups: dict[Hashable, list[int]] = {}
    for item, group in zip(items, strata):
        groups.setdefault(group, []).append(item)
    exact = {group: count * len(members) / len(items) for group, members in groups.items()}
    numbers = {group: int(share) for group, share in exact.items()}
    by_rest = sorted(groups, key=lambda group: numbers[group] - exact[group])
    for group in by_rest[:count - sum(numbers.values())]:
        numbers[group] += 1
    choose = random.Random(_SEED)
    return sorted(item for group, members in groups.items() for item in choose.sample(members, numbers[group]))


def held_out(examples: Sequence[AnyExample], fraction: float) -> tuple[list[AnyExample], list[AnyExample]]:
    """(rest, held out): a fraction of the examples, stratified by language and class, chosen with a fixed seed.

    Examples with the same text stay on one side. At least one example is on each side.

    Args:
        examples: at least two different ones.
        fraction: above 0 and below 1.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, example in enumerate(examples):
        groups.setdefault(parts_of(example), []).append(place)
    firsts = [places[0] for places in groups.values()]
    count = min(max(1, round(fraction * len(firsts))), max(1, len(firsts) - 1))
    chosen = set(stratified(firsts, [stratum(examples[place]) for place in firsts], count))
    out = {place for places in groups.values() if places[0] in chosen for place in places}
    return ([example for place, example in enumerate(examples) if place not in out],
            [example for place, example in enumerate(examples) if place in out])


def say_repeated(splits: Mapping[str, Iterable[AnyExample]], decontaminate: bool) -> None:
    """Warns, in a line each, of training examples that stand there several times, of those among them with several
    labels, and of texts that two splits share.

    Args:
        splits: examples by split.
        decontaminate: whether training examples that stand in another split will be skipped.
    """
    texts: dict[str, dict[int, set[Hashable]]] = {}
    for split, examples in splits.items():
        found: dict[int, set[Hashable]] = {}
        total = 0
        for example in examples:
            total += 1
            found.setdefault(digest(parts_of(example)), set()).add(_answer(example))
        texts[split] = found
        several = sum(len(answers) > 1 for answers in found.values())
        if total > len(found) and split == "train":
            log.warning("train: %d of %d examples repeat the text of another%s", total - len(found), total,
                        f"; {several} texts have several labels" if several else "")
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        if shared := len(texts.get(one, {}).keys() & texts.get(other, {}).keys()):
            skipped = " and are skipped there" if decontaminate and one == "train" else ""
            log.warning("%d texts of %s also stand in %s%s", shared, other, one, skipped)


def _answer(example: AnyExample) -> Hashable:
    return example.tags if isinstance(example, Example) else getattr(example, "label", None)
