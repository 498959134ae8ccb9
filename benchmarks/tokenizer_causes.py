"""Why JavaScript's tokenizer gives texts other ids than Rust's: the characters at which the two differ; for
tokenizer_parity_js.py."""

from __future__ import annotations

import subprocess
import unicodedata
from collections.abc import Callable, Iterable
from typing import NamedTuple

#: Of the tables of categories that Rust's BERT tokenizer has; those of its normal forms are of Unicode 9.
OLDEST = 8.0
# By itself, in a word, and before marks that join the letter where this one does not part them.
_ALONE = ("{}", "a{}", "{}b", "a{}b", "A{}\u0301", "A{}\u0323", "A\u0301{}\u0323")
_AGES = 'use Unicode::UCD qw(charprop); while (<STDIN>) { chomp; print charprop($_, "Age"), "\\n" }'


class Causes(NamedTuple):
    """Attributes:
        characters: those with which a string of one to four characters has other ids.
        unexplained: texts that have other ids also without these.
    """

    characters: set[str]
    unexplained: list[str]


def causes(texts: list[str], different: Callable[[list[str]], list[str]]) -> Causes:
    """Every text's cause.

    Args:
        texts: which have other ids.
        different: texts -> those of them that have other ids.
    """
    characters = sorted({character for text in texts for character in text})
    asked = {form.format(character): character for character in characters for form in _ALONE}
    found = {asked[text] for text in different(list(asked))}
    return Causes(found, different(["".join(c for c in text if c not in found) for text in texts]))


def older(characters: Iterable[str]) -> list[str]:
    """Those that Unicode has had since version 8, as perl knows their ages."""
    known = sorted(characters)
    run = subprocess.run(["perl", "-e", _AGES], input="".join(f"{ord(c)}\n" for c in known), capture_output=True,
                         text=True, check=True)
    ages = (line.removeprefix("V").replace("_", ".") for line in run.stdout.splitlines())
    return [c for c, age in zip(known, ages, strict=True) if age != "Unassigned" and float(age) <= OLDEST]


def named(characters: Iterable[str]) -> str:
    """For people."""
    return ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, '').lower()}" for c in sorted(characters)) or "none"
