"""What Hugging Face's BERT normalizer and pre-tokenizer make of every Unicode character, as a table.

What a character becomes (nothing, itself, a unit of its own, its lower-case letters ...) does not depend on
its neighbours, so Hugging Face's own code is asked once about every character. No second set of Unicode
tables has a say.

One thing does depend on neighbours: combining characters are sorted by their class before accents are
stripped. Nearly all of them are stripped then; `combining_ranks` serves the few that are not.
"""

from __future__ import annotations

import functools
import sys
from typing import NamedTuple

import numpy as np

SPACE = " "
# Stands in a rule's output for the character that the rule is applied to.
ITSELF = "\x00"
# Characters on a page of the table.
PAGE = 256
# Parts the characters that are asked about: no character becomes it or is changed by it.
_SEPARATOR = "\ua66e"
# Surrogates are no characters, and planes 4 to 13 have none: Hugging Face keeps them as they are.
_ASSIGNABLE = (range(0xD800), range(0xE000, 0x40000), range(0xE0000, sys.maxunicode + 1))
SPACE_RULE, KEEP_RULE, OPEN_RULE, CLOSE_RULE = range(4)


class Rule(NamedTuple):
    """What becomes of a character: its output, and how it takes part in sorting combining characters."""

    output: str
    kind: str = "text"
    is_starter: bool = True
    rank: int = 0


_FIXED_RULES = (
    Rule("", kind="space"),
    Rule(ITSELF),
    Rule(SPACE + ITSELF, kind="mark"),
    Rule(SPACE, kind="mark"),
)


class CharacterRules(NamedTuple):
    """The rules, and for every character the number of its rule, in pages; equal pages are kept once."""

    rules: tuple[Rule, ...]
    page_of: np.ndarray  # int32 [characters / PAGE]
    pages: np.ndarray  # int32 [distinct pages * PAGE]


@functools.lru_cache(maxsize=4)
def character_rules(clean_text: bool, handle_chinese_chars: bool, strip_accents: bool | None,
                    lowercase: bool) -> CharacterRules:
    """Asks Hugging Face's normalizer and pre-tokenizer about every Unicode character (1 to 2 s, cached)."""
    characters = assignable()
    outputs = _outputs(characters, clean_text, handle_chinese_chars, strip_accents, lowercase)
    sorts = lowercase if strip_accents is None else strip_accents
    movable = non_starters() if sorts else frozenset()
    ranks = combining_ranks([character for character in characters
                             if character in movable and outputs[character]])
    # Text is cleaned before combining characters are sorted: what cleaning deletes does not part them.
    blank = [character for character in characters if not outputs[character]]
    cleaned = _outputs(blank, clean_text, False, False, False)
    transparent = movable.union(character for character in blank if not cleaned[character])
    numbers = {rule: number for number, rule in enumerate(_FIXED_RULES)}
    table = np.full(sys.maxunicode + 1, KEEP_RULE, np.int32)
    for character, output in outputs.items():
        rank = ranks.get(character, 0)
        if output != character or rank:
            rule = Rule(output.replace(character, ITSELF), "text", character not in transparent, rank)
            table[ord(character)] = numbers.setdefault(rule, len(numbers))
    pages, page_of = np.unique(table.reshape(-1, PAGE), axis=0, return_inverse=True)
    return CharacterRules(tuple(numbers), page_of.reshape(-1).astype(np.int32), pages.reshape(-1))


def assignable() -> list[str]:
    """The characters that may ever be asked about, without the one that parts them (see `ask`)."""
    return [chr(number) for block in _ASSIGNABLE for number in block if chr(number) != _SEPARATOR]


def _outputs(characters: list[str], clean_text: bool, handle_chinese_chars: bool, strip_accents: bool | None,
             lowercase: bool) -> dict[str, str]:
    """What each character becomes by itself; spaces in it part units."""
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    normalizer = BertNormalizer(clean_text, handle_chinese_chars, strip_accents, lowercase)
    pre_tokenizer = BertPreTokenizer()

    def units(text: str) -> str:
        return SPACE.join(unit for unit, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text)))

    return dict(zip(characters, ask(units, characters)))


@functools.lru_cache(maxsize=1)
def non_starters() -> frozenset[str]:
    """The assignable characters that Hugging Face's canonical decomposition moves among their neighbours."""
    from tokenizers.normalizers import NFD

    # Two marks in the wrong order: they are put right exactly if nothing but non-starters stands between.
    above, below = "\u0301", "\u0316"
    characters = assignable()
    answers = ask(NFD().normalize_str, [above + character + below for character in characters])
    return frozenset(character for character, answer in zip(characters, answers) if answer[0] != above)


def combining_ranks(characters: list[str]) -> dict[str, int]:
    """Numbers from 1 that order the given non-starters as their canonical combining classes do."""
    from tokenizers.normalizers import NFD

    pairs = [first + second for first in characters for second in characters]
    swapped = [answer != pair for pair, answer in zip(pairs, ask(NFD().normalize_str, pairs))]
    lower = np.reshape(swapped, (len(characters), len(characters))).sum(axis=1)
    ranks = np.unique(lower, return_inverse=True)[1] + 1
    return dict(zip(characters, ranks.tolist()))


def ask(normalize, strings: list[str]) -> list[str]:
    """Normalizes many short strings in few calls."""
    answers, chunk = [], 4096
    for begin in range(0, len(strings), chunk):
        text = _SEPARATOR.join(["", *strings[begin:begin + chunk], ""])
        answers += normalize(text).split(_SEPARATOR)[1:-1]
    return answers
