"""Fills patterns with names: tokens and IOB2 tags."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import faker

from sample_facts import Facts, provider_class
from sample_patterns import CHOICE, ENTITY_SLOTS, SLOT, Language
from sample_pools import POOLS, Pools
from xtremedistil_tf.errors import DataError

# Days that need no ordinal or elision (1er, l'8, l'11), and numbers that ask for the same plural in Polish,
# Russian and Arabic.
_DAYS = [day for day in range(2, 29) if day not in (8, 11)]
_NUMBERS = [number for number in range(15, 100) if number % 10 in (0, 5, 6, 7, 8, 9)]
_FAKER_TOKEN = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ATTEMPTS = 200


@dataclass(frozen=True)
class Sentence:
    """Tokens with one tag each, and the entities as (type, tokens)."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    entities: tuple[tuple[str, tuple[str, ...]], ...]


class Filler:
    """Writes sentences of one language with the names of one split."""

    def __init__(self, language: Language, facts: Facts, pools: Pools, split: str, seed: int):
        self._rng = random.Random(f"{seed} {language.code} {split}")
        self._language, self._facts, self._pools, self._split = language, facts, pools, split
        self._names = pools.of_split(facts, split, language.code)
        self._companies = [self._company_source(locale) for locale in language.facts.get("companies", ())]

    def sentences(self, count: int, accept: Callable[[Sentence], bool]) -> list[Sentence]:
        """Uses the split's patterns in turn, so that each occurs equally often.

        Args:
            count: how many sentences.
            accept: says whether a sentence may be used; another is written where it may not.

        Raises:
            DataError: the patterns cannot give so many different sentences.
        """
        sections = {"train": ["train"], "dev": ["train"], "test": ["test"],
                    "unlabeled": ["train", "test", "unlabeled"]}[self._split]
        patterns = [p for section in sections for p in self._language.patterns[section]]
        found: list[Sentence] = []
        for _ in range(_ATTEMPTS):
            self._rng.shuffle(patterns)
            for pattern in patterns:
                sentence = next(filter(accept, (self.fill(pattern) for _ in range(_ATTEMPTS))), None)
                if sentence:
                    found.append(sentence)
                if len(found) == count:
                    return found
        raise DataError(f"{self._language.path}: the patterns of {' and '.join(sections)} give "
                        f"{len(found)} different sentences, expected {count}. Add patterns, or "
                        "choices to those there are.")

    def fill(self, pattern: str) -> Sentence:
        """One sentence of a pattern. Source of the tags: IOB2, one B- for each entity."""
        tokens: list[str] = []
        tags: list[str] = []
        entities = []
        for i, part in enumerate(SLOT.split(self._choose(pattern))):
            if i % 2 and part in ENTITY_SLOTS:
                kind, words = self._entity(part)
                entities.append((kind, tuple(words)))
                tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(words) - 1)
            else:
                words = [self._plain(part)] if i % 2 else part.split()
                tags += ["O"] * len(words)
            tokens += words
        if len(set(entities)) < len(entities):
            return self.fill(pattern)
        return Sentence(tuple(tokens), tuple(tags), tuple(entities))

    def _company_source(self, locale: str) -> tuple[faker.Generator, list[str]]:
        """A generator for a locale, and its formats of company names but for those of a surname alone."""
        provider = provider_class("company", locale)
        if provider is None:
            # Faker itself would quietly fall back on American companies.
            raise DataError(f"{self._language.path}: Faker has no companies for {locale!r}, expected a "
                            "locale such as en_US. Leave `companies` out to use [organisations] alone.")
        generator = faker.Factory.create(locale)
        generator.random = self._rng
        return generator, [f for f in provider.formats if not re.fullmatch(r"\{\{\w*name\}\}", f)]

    def _choose(self, pattern: str) -> str:
        return CHOICE.sub(lambda choice: self._rng.choice(choice[1].split("|")), pattern)

    def _plain(self, slot: str) -> str:
        if slot == "MONTH":
            return self._rng.choice(self._facts.months)
        if slot == "YEAR":
            return str(self._rng.randint(1931, 2000))
        return str(self._rng.choice(_DAYS if slot == "DAY" else _NUMBERS))

    def _entity(self, slot: str) -> tuple[str, list[str]]:
        kind = ENTITY_SLOTS[slot] or self._rng.choice(["PER", "LOC", "ORG"])
        if kind == "PER":
            name = self._person(slot)
        elif kind == "LOC":
            name = self._place(slot)
        else:
            name = self._organisation()
        return kind, tokenize(name)

    def _person(self, slot: str) -> str:
        woman = slot == "WOMAN" or (slot not in ("MAN", "SURNAME") and self._rng.random() < 0.5)
        surname = self._rng.choice(self._names["surnames_women" if woman else "surnames_men"])
        if slot == "SURNAME" or (slot in ("PER", "ANY") and self._rng.random() < 0.12):
            return surname[0].upper() + surname[1:]
        first = self._rng.choice(self._facts.women if woman else self._facts.men)
        if "two_surnames" in self._language.facts and self._rng.random() < 0.5:
            surname += " " + self._rng.choice(self._names["surnames_men"])
        return f"{first} {surname}"

    def _place(self, slot: str) -> str:
        if slot == "CITY" or (slot != "COUNTRY" and self._rng.random() < 0.5):
            return self._rng.choice(self._names["cities"])
        return self._rng.choice(self._names["countries"])

    def _organisation(self) -> str:
        if self._companies and self._rng.random() < 0.4:
            name = self._company()
        else:
            name = SLOT.sub(lambda slot: self._part(slot[1]),
                            self._choose(self._rng.choice(self._language.patterns["organisations"])))
        return name[0].upper() + name[1:]

    def _company(self) -> str:
        """A name after Faker's own formats, with surnames of this split."""
        generator, formats = self._rng.choice(self._companies)
        for _ in range(_ATTEMPTS):
            form = self._rng.choice(formats)
            name = _FAKER_TOKEN.sub(lambda token: self._faker_part(generator, token[1]), form)
            if " - " not in name and ("last_name" in form or self._pools.pool(name) in POOLS[self._split]):
                return name
        raise DataError(f"{self._language.path}: Faker gives no company name for {self._split}; leave "
                        "`companies` out.")

    def _faker_part(self, generator: faker.Generator, token: str) -> str:
        if token == "last_name":
            return self._part("SURNAME")
        if token == "first_name":
            return self._rng.choice(self._facts.men + self._facts.women)
        return str(generator.format(token))

    def _part(self, slot: str) -> str:
        if slot == "SURNAME":
            return self._rng.choice(self._names["surnames_men"])
        return self._place(slot)


def tokenize(name: str) -> list[str]:
    """Words, with commas, brackets and quotation marks as tokens of their own."""
    return re.sub(r"([,،()«»\"])", r" \1 ", name).split()
