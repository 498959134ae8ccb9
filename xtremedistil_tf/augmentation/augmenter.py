"""What an augmenter is: a stream of examples in, variants of each out."""

from __future__ import annotations

import abc
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

from xtremedistil_tf.augmentation.plan import VariantPlan
from xtremedistil_tf.corpus.example import AnyExample

E = TypeVar("E")


@dataclasses.dataclass(frozen=True, slots=True)
class Augmented:
    """An example and where it came from.

    Attributes:
        example: the original, or a variant of it.
        augmenter: name of the augmenter, `ORIGINAL` for originals.
        index: of the original in its stream, from 0.
    """

    example: AnyExample
    augmenter: str
    index: int


class Augmenter(abc.ABC):
    """Makes variants of examples.

    Attributes:
        name: as in `augment`.
        keeps_label: whether a good variant has the answer of its original.
        settings: JSON-able, everything that its variants depend on besides the examples and the plan.
    """

    name: ClassVar[str]
    keeps_label: ClassVar[bool]
    settings: dict[str, Any]

    @abc.abstractmethod
    def variants(self, examples: Iterable[AnyExample], plan: VariantPlan) -> Iterator[Sequence[AnyExample]]:
        """Yields for each example, in order and reading few ahead, its candidates, the best ones first.

        `plan.wanted(index)` of them are needed; there may be more, to make up for candidates that are
        dropped, or fewer, also none. They have the type of their original.
        """

    def augment(self, examples: Iterable[AnyExample], plan: VariantPlan | None = None) -> Iterator[Augmented]:
        """Yields the variants that the plan wants (one for each example without a plan), as they come."""
        plan = plan or VariantPlan(self.name)
        for index, found in enumerate(self.variants(examples, plan)):
            for variant in found[: plan.wanted(index)]:
                yield Augmented(variant, self.name, index)


def blocks(examples: Iterable[E], size: int) -> Iterator[tuple[int, list[E]]]:
    """Cuts a stream: yields (index of the first, `size` examples or at the end fewer)."""
    stream, first = iter(examples), 0
    while block := list(itertools.islice(stream, size)):
        yield first, block
        first += len(block)
