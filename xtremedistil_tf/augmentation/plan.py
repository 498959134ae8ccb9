"""How many variants an augmenter makes of each example, and by what chance: a pure function of its index."""

from __future__ import annotations

import dataclasses
import fractions
import hashlib
import math
import random
from collections.abc import Sequence

from xtremedistil_tf.errors import ConfigError


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
