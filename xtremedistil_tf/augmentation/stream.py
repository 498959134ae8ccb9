"""The augmented stream: every original, and after it its variants, each once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence

from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter
from xtremedistil_tf.augmentation.duplicates import DigestSet, similarity
from xtremedistil_tf.augmentation.plan import VariantPlan, plans_of
from xtremedistil_tf.augmentation.provenance import ORIGINAL, Counts, Tally
from xtremedistil_tf.corpus.example import AnyExample, QuestionExample
from xtremedistil_tf.corpus.normalised import digest, parts_of

#: A variant this similar to its original, or to another variant of it, is dropped; see `similarity`.
NEAR_DUPLICATE = 0.9


def augmented(examples: Iterable[AnyExample], augmenters: Sequence[Augmenter], factor: float, seed: int,
              tally: Tally | None = None, near: float = NEAR_DUPLICATE) -> Iterator[Augmented]:
    """Yields all originals in their order, each followed by its variants.

    A variant is dropped that equals an example before it (but for case and white space), or is nearly its
    original or another variant of it. Memory: what the augmenters read ahead and hold, and 12 to 24 bytes
    for each example.

    Args:
        examples: the originals.
        augmenters: each name once; which they are matters, their order only for the order of variants.
        factor: most new examples for each original on average, shared evenly among the augmenters.
        seed: same seed and examples, same variants.
        tally: receives the counts.
        near: similarity from which on a variant is a near-duplicate.

    Raises:
        ConfigError: see `plans_of`; and whatever the augmenters raise.
    """
    plans = plans_of([augmenter.name for augmenter in augmenters], factor, seed)
    return _stream(examples, augmenters, plans, Tally() if tally is None else tally, near)


def _stream(examples: Iterable[AnyExample], augmenters: Sequence[Augmenter], plans: dict[str, VariantPlan],
            tally: Tally, near: float) -> Iterator[Augmented]:
    originals, *copies = itertools.tee(examples, len(augmenters) + 1)
    makers = {a.name: a.variants(copy, plans[a.name]) for a, copy in zip(augmenters, copies)}
    seen = DigestSet()
    for index, original in enumerate(originals):
        group = _Group(parts_of(original), seen, near)
        tally.originals += 1
        yield Augmented(original, ORIGINAL, index)
        for name, maker in makers.items():
            candidates, wanted = next(maker), plans[name].wanted(index)
            tally.of(name).wanted += wanted
            for number, variant in enumerate(group.fresh(candidates, wanted, tally.of(name)), 1):
                yield Augmented(_named(variant, f"{name}{number}"), name, index)
    for maker in makers.values():  # so that it can say what is wrong with the end
        next(maker, None)


class _Group:
    """An original and the variants of it that were kept."""

    def __init__(self, original: tuple[str, ...], seen: DigestSet, near: float):
        self._kept, self._seen, self._near = [original], seen, near
        seen.add(digest(original))

    def fresh(self, candidates: Iterable[AnyExample], wanted: int, counts: Counts) -> Iterator[AnyExample]:
        """The first `wanted` candidates that are not dropped."""
        stream = iter(candidates)
        while wanted and (variant := next(stream, None)) is not None:
            parts = parts_of(variant)
            if parts == self._kept[0]:
                counts.unchanged += 1
            elif any(similarity(parts, other) >= self._near for other in self._kept):
                counts.near += 1
            elif not self._seen.add(digest(parts)):
                counts.repeated += 1
            else:
                self._kept.append(parts)
                counts.kept += 1
                wanted -= 1
                yield variant


def _named(variant: AnyExample, suffix: str) -> AnyExample:
    """A question with an id of its own."""
    if isinstance(variant, QuestionExample):
        return dataclasses.replace(variant, id=f"{variant.id}-{suffix}")
    return variant
