"""Entities exchanged for others of the same type and language."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmenter
from xtremedistil_tf.augmentation.gazetteer import Gazetteer, Words
from xtremedistil_tf.augmentation.plan import VariantPlan
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging.entities import Entity, entities

_TRIES = 4


class ExchangedEntities(Augmenter):
    """Each variant has about half of the entities of a sentence exchanged, at least one.

    Entities of a labelled sentence are those that its tags say, and the tags of the variant are right too; in
    unlabelled text they are those that the gazetteer finds. Sentences without entities have no variants.

    Args:
        gazetteer: filled.
    """

    name, keeps_label = "entities", False

    def __init__(self, gazetteer: Gazetteer):
        self._gazetteer = gazetteer

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        return {"gazetteer": self._gazetteer.fingerprint()}

    def variants(self, examples: Iterable[Example], plan: VariantPlan) -> Iterator[Sequence[Example]]:
        for index, example in enumerate(examples):
            wanted = plan.wanted(index)
            yield self._variants(example, 2 * wanted, plan.random(index)) if wanted else ()

    def _variants(self, example: Example, count: int, rng: random.Random) -> list[Example]:
        if example.tags is None:
            found = self._gazetteer.find(example.words, example.language)
        else:
            found = entities(example.tags, self._gazetteer.labels)
        found = [entity for entity in found if self._others(entity, example)]
        if not found:
            return []
        return [self._variant(example, found, rng) for _ in range(count)]

    def _others(self, entity: Entity, example: Example) -> Sequence[Words]:
        """Entities that may stand for this one, perhaps itself among them; empty if there is no other."""
        others = self._gazetteer.of_type(entity.type, example.language)
        return others if set(others[:2]) - {example.words[entity.first: entity.last + 1]} else ()

    def _variant(self, example: Example, found: list[Entity], rng: random.Random) -> Example:
        chosen = [entity for entity in found if rng.random() < 0.5] or [rng.choice(found)]
        words, tags, copied = [], [], 0
        for entity in chosen:
            new = self._drawn(entity, example, rng)
            words += [*example.words[copied: entity.first], *new]
            if example.tags is not None:
                tags += [*example.tags[copied: entity.first], *self._tags(example.tags, entity, len(new))]
            copied = entity.last + 1
        words += example.words[copied:]
        tags += example.tags[copied:] if example.tags is not None else ()
        return Example(tuple(words), None if example.tags is None else tuple(tags), example.language,
                       example.source, example.line)

    def _drawn(self, entity: Entity, example: Example, rng: random.Random) -> Words:
        old, others = example.words[entity.first: entity.last + 1], self._others(entity, example)
        for _ in range(_TRIES):
            new = rng.choice(others)
            # A task may know beginnings of a type only: then the entity stays one word.
            if new != old and (example.tags is None or len(new) == 1 or self._inside(example.tags, entity)):
                return new
        return old

    def _tags(self, tags: Sequence[str], entity: Entity, length: int) -> list[str]:
        return [tags[entity.first]] + [self._inside(tags, entity)] * (length - 1)

    def _inside(self, tags: Sequence[str], entity: Entity) -> str:
        """The tag of the words after an entity's first, empty if the task has none."""
        tag = f"I{tags[entity.first][1:]}"
        return tag if tag in self._gazetteer.labels else ""
