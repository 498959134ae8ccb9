"""What an augmenter is, how many variants it makes of an example, and where each variant came from."""

from __future__ import annotations

import abc
import dataclasses
import fractions
import hashlib
import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError

Item = TypeVar("Item")
ORIGINAL = "original"
#: What stands for each augmenter in a column; never renumbered, since stores on disk hold them.
CODES = {ORIGINAL: 0, "masked": 1, "neighbours": 2, "entities": 3, "retrieval": 4, "mixing": 5, "external": 6,
         "case": 7}


@dataclasses.dataclass(frozen=True)
class VariantPlan:
    """The share of one augmenter.

    Of the examples 0 to i together it makes floor(((i + 1) * step + offset) / unit).

    Attributes:
        name: of the augmenter.
        seed: of the run.
        step, offset, unit: whole numbers, offset below unit.
    """

    name: str
    seed: int = 0
    step: int = 1
    offset: int = 0
    unit: int = 1

    def wanted(self, index: int) -> int:
        """Variants to make of the example with this index, counted from 0."""
        before = index * self.step + self.offset
        return (before + self.step) // self.unit - before // self.unit

    def random(self, index: int) -> random.Random:
        """The generator for this example, whatever other examples and augmenters draw."""
        name = f"{self.seed}/{self.name}/{index}".encode()
        return random.Random(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little"))


def plans_of(names: Sequence[str], factor: float, seed: int) -> dict[str, VariantPlan]:
    """Shares a budget evenly among augmenters, whatever their order.

    Together they make floor((i + 1) * factor) variants of the examples 0 to i (by Hermite's identity, for
    the offsets are multiples of 1 / len(names)).

    Args:
        names: of the augmenters, each once.
        factor: new examples for each original, perhaps a fraction.
        seed: of the run.

    Raises:
        ConfigError: the factor is not a positive number, or an augmenter is named twice.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ConfigError(f"`augment_factor={factor}`: expected a positive number of new examples for each "
                          "original, such as 2 or 0.5.")
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"`augment={','.join(names)}`: {repeated} is listed twice. List it once.")
    exact = fractions.Fraction(repr(factor))
    unit = exact.denominator * len(names)
    return {name: VariantPlan(name, seed, exact.numerator, number * exact.denominator, unit)
            for number, name in enumerate(sorted(names))}


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
        teacher_reads_original: whether its variants are for the student alone, with the teacher's answers for
            their original; such a variant may be the same text in other letters.
        settings: JSON-able, everything that its variants depend on besides the examples and the plan.
    """

    name: ClassVar[str]
    keeps_label: ClassVar[bool]
    teacher_reads_original: ClassVar[bool] = False
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


def blocks(examples: Iterable[Item], size: int) -> Iterator[tuple[int, list[Item]]]:
    """Cuts a stream: yields (index of the first, `size` examples or at the end fewer)."""
    stream, first = iter(examples), 0
    while block := list(itertools.islice(stream, size)):
        yield first, block
        first += len(block)


def code_column(stream: Iterable[Augmented]) -> np.ndarray:
    """int8 [examples], the code of each; 0 for originals."""
    return np.fromiter((CODES[item.augmenter] for item in stream), np.int8)


@dataclasses.dataclass
class Counts:
    """What became of the candidates of one augmenter.

    Attributes:
        wanted: the budget.
        unchanged: candidates that were their original.
        repeated: that were there before, in the originals so far or as a variant.
        near: that were nearly their original or another variant of it.
        refused: that the teacher was unsure of, or answered otherwise than their original.
        measured: that stand in the dev or test examples that are measured.
        kept: the others.
    """

    wanted: int = 0
    unchanged: int = 0
    repeated: int = 0
    near: int = 0
    refused: int = 0
    kept: int = 0
    measured: int = 0


class Tally:
    """Counts by augmenter, filled while an augmented stream is read."""

    def __init__(self) -> None:
        self.originals = 0
        self.counts: dict[str, Counts] = {}

    def of(self, name: str) -> Counts:
        """The counts of an augmenter."""
        return self.counts.setdefault(name, Counts())

    def to_json(self) -> dict[str, Any]:
        """{"originals": n, "counts": {augmenter: {count: number}}}."""
        return {"originals": self.originals,
                "counts": {name: dataclasses.asdict(counts) for name, counts in self.counts.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tally:
        """What `to_json` gave."""
        tally = cls()
        tally.originals = value["originals"]
        tally.counts = {name: Counts(**counts) for name, counts in value["counts"].items()}
        return tally

    def lines(self) -> list[str]:
        """A line for the log for each augmenter."""
        return [f"augmentation by {name}: {c.kept:,} new examples of {c.wanted:,} wanted, for "
                f"{self.originals:,} originals; dropped: {c.unchanged:,} unchanged, {c.repeated:,} repeated, "
                f"{c.near:,} near-duplicates, {c.refused:,} refused by the teacher, {c.measured:,} that are measured"
                for name, c in self.counts.items()]


def provenance(augmenters: Sequence[Augmenter], factor: float, seed: int, tally: Tally) -> dict[str, Any]:
    """What a manifest says of the augmentation, JSON-able: factor, seed, number of originals, and for each
    augmenter its code in the column, its settings and its counts."""
    return {"factor": factor, "seed": seed, "originals": tally.originals,
            "augmenters": {a.name: {"code": CODES[a.name], "settings": a.settings,
                                    "counts": dataclasses.asdict(tally.of(a.name))} for a in augmenters}}
