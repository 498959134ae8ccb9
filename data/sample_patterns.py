"""Reads `patterns/<language>.txt`: where a language's facts come from, and its sentence patterns."""

from __future__ import annotations

import itertools
import pathlib
import re
from dataclasses import dataclass

from xtremedistil_tf.errors import DataError

ENTITY_SLOTS = {"PER": "PER", "MAN": "PER", "WOMAN": "PER", "SURNAME": "PER", "LOC": "LOC", "CITY": "LOC",
                "COUNTRY": "LOC", "ORG": "ORG", "ANY": None}
_PLAIN_SLOTS = {"DAY", "MONTH", "YEAR", "NUM"}
_SLOTS = {"train": set(ENTITY_SLOTS) | _PLAIN_SLOTS, "test": set(ENTITY_SLOTS) | _PLAIN_SLOTS,
          "unlabeled": set(ENTITY_SLOTS) | _PLAIN_SLOTS, "organisations": {"CITY", "COUNTRY", "SURNAME"}}
_FACTS = {"men", "women", "surnames", "surnames_men", "surnames_women", "two_surnames", "places",
          "companies", "skip"}
SLOT = re.compile(r"\{(\w+)\}")
CHOICE = re.compile(r"<([^<>]+)>")


@dataclass(frozen=True)
class Language:
    """One pattern file.

    Attributes:
        code: the file's stem, a language that CLDR knows.
        facts: the words after `=` of each line of `[facts]`.
        patterns: section -> patterns, in the order of the file.
    """

    code: str
    path: pathlib.Path
    facts: dict[str, list[str]]
    patterns: dict[str, list[str]]


def read_languages(folder: pathlib.Path) -> list[Language]:
    """Reads all pattern files of a folder, sorted by language code.

    Raises:
        DataError: no file, or a file does not have the format described in data/README.md.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise DataError(f"{folder}: no pattern file, expected <language>.txt files such as en.txt.")
    return [read_language(path) for path in paths]


def read_language(path: pathlib.Path) -> Language:
    """Reads one pattern file; see `read_languages`."""
    facts: dict[str, list[str]] = {}
    patterns: dict[str, list[str]] = {section: [] for section in _SLOTS}
    section = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where, line = f"{path}:{number}", line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            if section != "facts" and section not in patterns:
                raise DataError(f"{where}: unknown section {line}, expected [facts], "
                                + ", ".join(f"[{name}]" for name in patterns) + ".")
        elif section is None:
            raise DataError(f"{where}: {line!r} stands before the first section, expected [facts] above it.")
        elif section == "facts":
            _add_fact(facts, line, where)
        else:
            _check_pattern(section, line, where)
            patterns[section].append(line)
    language = Language(path.stem, path, facts, patterns)
    _check_language(language)
    return language


def skeletons(pattern: str) -> set[str]:
    """All sentences of a pattern with `{}` for entities, `#` for numbers: what a model could memorise."""
    texts = CHOICE.split(pattern)
    options = [text.split("|") if i % 2 else [text] for i, text in enumerate(texts)]
    return {SLOT.sub(_masked, "".join(parts)) for parts in itertools.product(*options)}


def _masked(slot: re.Match[str]) -> str:
    if slot[1] in ENTITY_SLOTS:
        return "{}"
    return slot[0] if slot[1] == "MONTH" else "#"


def _add_fact(facts: dict[str, list[str]], line: str, where: str) -> None:
    name, equals, value = (part.strip() for part in line.partition("="))
    if name not in _FACTS or not equals or not value:
        raise DataError(f"{where}: found {line!r}, expected `name = words` with one of the names "
                        f"{', '.join(sorted(_FACTS))}.")
    facts[name] = value.split()


def _check_pattern(section: str, pattern: str, where: str) -> None:
    for slot in SLOT.findall(pattern):
        if slot not in _SLOTS[section]:
            raise DataError(f"{where}: unknown slot {{{slot}}}, expected one of "
                            + " ".join(f"{{{name}}}" for name in sorted(_SLOTS[section])) + ".")
    rest = SLOT.sub("", CHOICE.sub("", pattern))
    if set(rest) & set("<>{}"):
        raise DataError(f"{where}: a bracket without its partner in {pattern!r}, expected <one|two> for "
                        "choices and {NAME} for slots; choices cannot be nested.")


def _check_language(language: Language) -> None:
    empty = [section for section, patterns in language.patterns.items() if not patterns]
    if empty:
        raise DataError(f"{language.path}: section [{empty[0]}] is missing or empty, expected patterns.")
    seen: dict[str, str] = {}
    for section, patterns in language.patterns.items():
        for pattern in patterns:
            for skeleton in skeletons(pattern):
                other = seen.setdefault(skeleton, pattern)
                if other is not pattern and section != "organisations":
                    raise DataError(f"{language.path}: the patterns {other!r} and {pattern!r} can give the "
                                    "same sentence but for the entities, expected different ones. Change "
                                    "or delete one.")
