"""Divides facts into pools, so that a name that tests know is unknown to training in every language."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sample_facts import Facts
from xtremedistil_tf.errors import DataError

# Shares of the names; "extra" names occur in unlabeled text only.
_SHARES = (("train", 0.45), ("dev", 0.10), ("test", 0.25), ("extra", 0.20))
# Transfer text is what a user has plenty of: text like that which the student will meet, without labels.
POOLS = {"train": ("train",), "dev": ("dev",), "test": ("test",), "unlabeled": ("train", "dev", "test", "extra")}


class Pools:
    """Keys that share a name in any language belong together, and get one pool by their hash."""

    def __init__(self, facts: Iterable[Facts], seed: int):
        self._seed = seed
        self._parents: dict[str, str] = {}
        for language in facts:
            for names in language.named.values():
                for name, key in names.items():
                    self._join(f"name {name.casefold()}", key)

    def pool(self, name: str) -> str:
        """The pool of a name: train, dev, test or extra."""
        root = self._root(f"name {name.casefold()}")
        digest = hashlib.sha256(f"{self._seed} {root}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2 ** 64
        for pool, part in _SHARES:
            if share < part:
                return pool
            share -= part
        return _SHARES[-1][0]

    def of_split(self, facts: Facts, split: str, language: str) -> dict[str, list[str]]:
        """The names that a split may use: surnames_men, surnames_women, cities, countries.

        Raises:
            DataError: there are too few names.
        """
        chosen = {}
        for kind, names in facts.named.items():
            chosen[kind] = [name for name in names if self.pool(name) in POOLS[split]]
            if len(chosen[kind]) < 2:
                raise DataError(f"{language}: {len(names)} {kind} are too few to divide between train, dev "
                                "and test, expected some 30 or more. Name more sources in [facts].")
        return chosen

    def _root(self, key: str) -> str:
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def _join(self, one: str, other: str) -> None:
        # The smaller root stays, whatever the order of the facts.
        low, high = sorted((self._root(one), self._root(other)))
        self._parents[high] = low
