"""Where the examples of an augmented set came from: codes for each, counts and settings for all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.augmenter import Augmented, Augmenter

ORIGINAL = "original"
#: What stands for each augmenter in a column; never renumbered, since stores on disk hold them.
CODES = {ORIGINAL: 0, "masked": 1, "neighbours": 2, "entities": 3, "retrieval": 4, "mixing": 5, "external": 6}


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
