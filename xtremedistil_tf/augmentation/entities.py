"""Entities exchanged for others of the same type and language, which a gazetteer knows."""

from __future__ import annotations

import collections
import functools
import hashlib
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.augmentation.augmenter import Augmenter, VariantPlan
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, file_language, open_lines, quoted
from xtremedistil_tf.corpus.tag_rules import label_list
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.tagging.decoding import Entity, entities, entity_rules
from xtremedistil_tf.tokenization.raw_words import AT_SPACES, RawWords

Words = tuple[str, ...]
_TRIES = 4


class Gazetteer:
    """Entities, and how often each was met.

    Memory grows with the number of different entities, and of different words outside of entities.

    Args:
        labels: of the task, `O`, `B-type`, `I-type`.
        rule: how the entities of files become words.
    """

    def __init__(self, labels: Sequence[str], rule: RawWords = AT_SPACES):
        self.labels, self._rule = tuple(labels), rule
        self.types = sorted({kind for kind in entity_rules(self.labels).types if kind})
        # language -> entity -> type -> times; the language None holds for all.
        self._met: dict[str | None, dict[Words, collections.Counter[str]]] = collections.defaultdict(
            lambda: collections.defaultdict(collections.Counter))
        self._outside: dict[str | None, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self._lists = functools.lru_cache(maxsize=None)(self._listed)
        self._lexicon = functools.lru_cache(maxsize=None)(self._matched)

    def add_examples(self, examples: Iterable[Example]) -> None:
        """Adds the entities of labelled sentences to those of their languages."""
        self._changed()
        for example in (e for e in examples if e.tags):
            met = self._met[example.language]
            for entity in entities(example.tags, self.labels):
                met[example.words[entity.first: entity.last + 1]][entity.type] += 1
            outside = (word for word, tag in zip(example.words, example.tags) if tag == "O")
            self._outside[example.language].update(outside)

    def add_files(self, path: str | os.PathLike[str]) -> None:
        """Adds `type<TAB>entity` lines of what `text_files(path)` names, plain, .gz or .xz.

        A file named after a language (`de.tsv.xz`) is for that language, any other one for all.

        Raises:
            DataError: a file cannot be read or holds no entity, or lines are faulty: one error for each file
                that names the first ten places.
        """
        self._changed()
        for file in text_files(path):
            faults, found = Faults(file), False
            for number, line in open_lines(file):
                if not line.strip():
                    continue
                kind, _, text = line.partition("\t")
                words = self._rule.words(text)
                if problem := self._problem(kind, words, line):
                    faults.add(number, problem)
                    continue
                self._met[file_language(file)][words][kind] += 1
                found = True
            faults.raise_if_any()
            if not found:
                raise DataError(f"{file}: empty, expected `type<TAB>entity` lines, such as "
                                f"`{self.types[0]}<TAB>...`.")

    def of_type(self, kind: str, language: str | None) -> Sequence[Words]:
        """The entities of a type in a language, those of all languages where it is None, each once."""
        return self._lists(self._known(language)).get(kind, ())

    def find(self, words: Words, language: str | None) -> list[Entity]:
        """Entities in a sentence: from the left the longest that is known, as its most frequent type.

        A single word that training text has more often outside of entities than as one is not taken for one.
        """
        lexicon, lengths = self._lexicon(self._known(language))
        found, at = [], 0
        while at < len(words):
            for length in lengths.get(words[at], ()):
                if at + length <= len(words) and (kind := lexicon.get(words[at: at + length])) is not None:
                    found.append(Entity(kind, at, at + length - 1))
                    at += length
                    break
            else:
                at += 1
        return found

    def fingerprint(self) -> str:
        """16 hex digits over all entities and counts."""
        digest = hashlib.blake2b(digest_size=8)
        for part in (self._met, self._outside):
            for language in sorted(part, key=str):
                for key, value in sorted(part[language].items()):
                    value = sorted(value.items()) if isinstance(value, dict) else value
                    digest.update(repr((language, key, value)).encode())
        return digest.hexdigest()

    def _problem(self, kind: str, words: Words, line: str) -> str | None:
        if "\t" not in line:
            return f"{quoted(line)} has no tab, expected `type<TAB>entity`"
        if kind not in self.types:
            hint = " (without B- or I-)" if kind[:2] in ("B-", "I-") else ""
            return f"unknown type {quoted(kind)}, expected one of {label_list(self.types)}{hint}"
        return None if words else "no entity after the tab, expected one"

    def _changed(self) -> None:
        self._lists.cache_clear()
        self._lexicon.cache_clear()

    def _known(self, language: str | None) -> str | None:
        """None where nothing is known of a language: a file's name may only look like one (`few.txt`)."""
        return language if language in self._met else None

    def _merged(self, language: str | None) -> tuple[dict[Words, collections.Counter[str]], collections.Counter[str]]:
        """Counts of a language and of what holds for all; of all languages where it is None."""
        met: dict[Words, collections.Counter[str]] = {}
        outside: collections.Counter[str] = collections.Counter()
        for key in sorted(self._met, key=str) if language is None else dict.fromkeys((language, None)):
            for words, counts in self._met.get(key, {}).items():
                met[words] = met[words] + counts if words in met else counts
            outside.update(self._outside.get(key, ()))
        return met, outside

    def _listed(self, language: str | None) -> dict[str, list[Words]]:
        by_type: dict[str, list[Words]] = collections.defaultdict(list)
        for words, counts in self._merged(language)[0].items():
            for kind in counts:
                by_type[kind].append(words)
        return {kind: sorted(found) for kind, found in by_type.items()}

    def _matched(self, language: str | None) -> tuple[dict[Words, str], dict[str, list[int]]]:
        """Type of each entity that is looked for, and by first word their lengths, longest first."""
        met, outside = self._merged(language)
        kept = {words: min(counts, key=lambda kind: (-counts[kind], kind)) for words, counts in met.items()
                if len(words) > 1 or counts.total() >= outside[words[0]]}
        lengths: dict[str, set[int]] = collections.defaultdict(set)
        for words in kept:
            lengths[words[0]].add(len(words))
        return kept, {word: sorted(found, reverse=True) for word, found in lengths.items()}


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
