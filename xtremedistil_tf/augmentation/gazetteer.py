"""Known entities by language and type, from labelled sentences and from files."""

from __future__ import annotations

import collections
import functools
import hashlib
import os
from collections.abc import Iterable, Sequence

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults, quoted
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.lines import open_lines
from xtremedistil_tf.corpus.tags import label_list
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.tagging.entities import Entity, entities, entity_rules

Words = tuple[str, ...]


class Gazetteer:
    """Entities, and how often each was met.

    Memory grows with the number of different entities, and of different words outside of entities.

    Args:
        labels: of the task, `O`, `B-type`, `I-type`.
    """

    def __init__(self, labels: Sequence[str]):
        self.labels = tuple(labels)
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
                words = tuple(text.split())
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
