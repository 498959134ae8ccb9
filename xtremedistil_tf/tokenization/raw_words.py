"""Words of raw text: the one rule by which text as people write it becomes words as labelled data has them.

`whitespace`: words are what white space parts. `punctuation`: white space parts text into chunks; marks at the
edges of a chunk are words of their own, marks inside stay (`3.14`, `isn't`, `d'Artagnan`, `a@b.de`). In order:

1. Characters without width are white space at the beginning of a word, and are dropped from its end. Combining
   marks, emoji modifiers and what a zero-width joiner binds belong to the character before them; flags in a row
   are one character.
2. East Asian punctuation is parted wherever it stands; with `characters`, so is every character of a script
   without spaces (Han, kana, Thai, ...), Thai vowel signs too, as data sets have them; and so are the marks of `parted`
   (`and/or`), but in an address, that is with `://`.
3. A mark, that is punctuation or a symbol, counts as a letter in four places: a single period after an initial
   (one cased letter that begins the chunk or follows a period, a dash, a bracket or an opening quote: `J.`, `U.S.`);
   the slash after a letter in an address; a mark of `kept_before` before, or of `kept_after`
   after, a letter.
4. What stands before the first letter of a chunk and after its last one is parted: equal marks in a row are one
   word (`...`, `!!`, `''`), others, and all brackets, are a word each.
5. The rest is a word, without one of the `beginnings` (`l'`) and one of the `endings` (`'s`), longest first, which
   are words of their own. A curly apostrophe counts as a straight one.
6. A single period after it belongs to it, if both are one of the `abbreviations` (`Dr.`), and then no ending is parted.
   Digits are compared as 0: `00.` stands for `31.`.

`graph.raw_words` is the same in a TensorFlow graph; `word_vectors` has strings to check another implementation with.
"""

from __future__ import annotations

import array
import dataclasses
import functools
import itertools
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.errors import ConfigError

WHITESPACE, PUNCTUATION = "whitespace", "punctuation"
RULES = (WHITESPACE, PUNCTUATION)

# What a character is, as bits; without any it is part of a word.
SPACE, INVISIBLE, COMBINING, MARK, SYMBOL, BRACKET, FLAG, APART, UNSPACED, CASED, OPENS = (
    1 << number for number in range(11))
JOINER, PERIOD, SLASH, APOSTROPHE, CURLY = "\u200d", ".", "/", "'", "\u2019"
ADDRESS = "://"

_INVISIBLE = ((0xAD, 0xAD), (0x61C, 0x61C), (0x180E, 0x180E), (0x200B, 0x200F), (0x202A, 0x202E),
              (0x2060, 0x206F), (0xFEFF, 0xFEFF), (0xE0001, 0xE007F))
_MODIFIERS, _FLAGS = ((0x1F3FB, 0x1F3FF),), ((0x1F1E6, 0x1F1FF),)
# Punctuation in these blocks is written without spaces around it.
_EAST_ASIAN = ((0x3000, 0x303F), (0xFE10, 0xFE1F), (0xFE30, 0xFE4F), (0xFF00, 0xFF65))
# Thai to Lao, Tibetan, Myanmar, Khmer, kana, Han.
_UNSPACED = ((0xE01, 0xE3A), (0xE40, 0xE4E), (0xE81, 0xECE), (0xEDC, 0xEDF), (0x1000, 0x103F), (0x1050, 0x109F),
             (0x1780, 0x17D3), (0x3005, 0x3007), (0x3021, 0x3029), (0x3031, 0x3035), (0x3041, 0x3096),
             (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
             (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x323AF))
#: Tokens whose words are remembered, and their characters at most.
_MOST_KNOWN, _LONGEST_KNOWN = 1 << 16, 64
# Where a run of characters may begin to have other bits, though it is of the same category.
_EDGES = {edge for first, last in (*_INVISIBLE, *_MODIFIERS, *_FLAGS, *_EAST_ASIAN, *_UNSPACED,
                                   (ord(PERIOD), ord(PERIOD)), (ord('"'), ord('"'))) for edge in (first, last + 1)}
_AS_ZERO = dict.fromkeys(map(ord, "123456789"), "0")


@functools.lru_cache(maxsize=65536)
def kind_of(character: str) -> int:
    """The bits of a character."""
    number, category = ord(character), unicodedata.category(character)
    if character.isspace():
        return SPACE
    if _within(number, _INVISIBLE):
        return INVISIBLE
    unspaced = UNSPACED if _within(number, _UNSPACED) else 0
    if category[0] == "M" or _within(number, _MODIFIERS):
        return COMBINING | unspaced
    if category[0] not in "PS":
        return unspaced | (CASED if category in ("Lu", "Ll", "Lt") else 0)
    kind = MARK | unspaced
    kind |= SYMBOL if category[0] == "S" else 0
    kind |= BRACKET if category in ("Ps", "Pe") else 0
    kind |= FLAG if _within(number, _FLAGS) else 0
    kind |= APART if category not in ("Pd", "Pc", "Sm", "So") and _within(number, _EAST_ASIAN) else 0
    return kind | (OPENS if category in ("Ps", "Pi", "Pd") or character in (PERIOD, '"') else 0)


def kinds_in(block: range) -> Iterator[tuple[int, int]]:
    """(how many, their bits) of every run of characters in a block of code points, in order.

    `kind_of` is asked once a run, which for all of Unicode is a tenth of the time.
    """
    bounds = sorted({block.start, block.stop, *(edge for edge in _EDGES if edge in block)})
    for begin, end in itertools.pairwise(bounds):
        for _, run in itertools.groupby(map(chr, range(begin, end)), _nature):
            characters = list(run)
            yield len(characters), kind_of(characters[0])


def _nature(character: str) -> tuple[str, bool]:
    """What the bits depend on, besides the place."""
    return unicodedata.category(character), character.isspace()


def _within(number: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= number <= last for first, last in ranges)


class Cluster(NamedTuple):
    """A character with all that belongs to it.

    Attributes:
        character: the first one; an apostrophe is straight.
        kind: its bits.
        start, end: offsets, of the end without characters that have no width.
        begins: whether a chunk begins here.
    """

    character: str
    kind: int
    start: int
    end: int
    begins: bool


class Word(NamedTuple):
    """A word and where it stands: `text[start:end]`, in Unicode code points."""

    text: str
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class RawWords:
    """How raw text is parted into words.

    Attributes:
        rule: `whitespace` or `punctuation`; the others are of the latter.
        characters: whether characters of scripts without spaces are words of their own.
        kept_before, kept_after: marks that stay before a word (`#`), or after it (`%`).
        beginnings, endings: parts of words that are words of their own, with a straight apostrophe.
        abbreviations: words that keep the period at their end, their digits as 0.
        parted: marks that are words of their own between letters, too.

    Raises:
        ConfigError: there is no such rule, a part has no apostrophe, or an abbreviation no period at its end.
    """

    rule: str = WHITESPACE
    characters: bool = False
    kept_before: str = ""
    kept_after: str = ""
    beginnings: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    parted: str = ""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ConfigError(f"`word_splitting={self.rule}`: expected one of {', '.join(RULES)}.")
        for name in ("beginnings", "endings"):
            parts = sorted(set(getattr(self, name)), key=lambda part: (-len(part), part))
            if any(APOSTROPHE not in part for part in parts):
                raise ConfigError(f"{name} {' '.join(parts)}: expected a straight apostrophe in each.")
            object.__setattr__(self, name, tuple(parts))
        words = tuple(sorted(set(self.abbreviations)))
        if any(word[-1:] != PERIOD or len(word) == 1 or word != shape(word) for word in words):
            raise ConfigError(f"abbreviations {' '.join(words)}: expected a period at the end of each, and 0 for a "
                              "digit.")
        object.__setattr__(self, "abbreviations", words)

    @property
    def is_whitespace(self) -> bool:
        """Whether white space alone parts words, as it always did before there was a rule."""
        return self.rule == WHITESPACE

    def facts(self) -> dict[str, Any]:
        """The rule as JSON."""
        found = {"rule": self.rule} if self.is_whitespace else dataclasses.asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any] | None) -> RawWords:
        """The rule that `facts` wrote; None, of what was written before there was one: white space."""
        return cls(**facts) if facts else cls()

    def words(self, text: str) -> tuple[str, ...]:
        """The words of a text without their places, in order."""
        return tuple(text.split() if self.is_whitespace else self.placed(text)[0])

    def split(self, text: str) -> list[Word]:
        """The words of a text, in order."""
        words, places = self.placed(text)
        return [Word(*word) for word in zip(words, places[::2], places[1::2])]

    def placed(self, text: str) -> tuple[list[str], array.array[int]]:
        """The words of a text, and start and end of each, one after another: in a long text numbers alone take a tenth
        of the memory of `Word`s."""
        words: list[str] = []
        places, end = array.array("q"), 0
        known, index, add_word, add_place = _parts_of(self), text.index, words.append, places.append
        for token in text.split():
            start = index(token, end)
            end = start + len(token)
            for word, first, last in known[token]:
                add_word(word)
                add_place(start + first)
                add_place(start + last)
        return words, places

    def parts(self, token: str) -> tuple[Word, ...]:
        """The words of a text without white space."""
        # Most are letters only, which is known at once.
        if self.is_whitespace or (token.isalnum() and (not self.characters or token.isascii())):
            return (Word(token, 0, len(token)),)
        return tuple(self._words_of(token))

    def _words_of(self, text: str) -> list[Word]:
        found: list[Word] = []
        chunk: list[Cluster] = []
        for cluster in clusters(text, self.characters, "" if ADDRESS in text else self.parted):
            if cluster.begins and chunk:
                found += self._words(text, chunk)
                chunk = []
            chunk.append(cluster)
        return found + self._words(text, chunk) if chunk else found

    def _words(self, text: str, chunk: Sequence[Cluster]) -> list[Word]:
        if "".join(cluster.character for cluster in chunk) in (*self.beginnings, *self.endings):
            return [Word(text[chunk[0].start:chunk[-1].end], chunk[0].start, chunk[-1].end)]
        letters = [place for place, cluster in enumerate(chunk) if not cluster.kind & MARK]
        letters += [place for place in range(len(chunk)) if self._counts_as_letter(chunk, place)]
        first, stop = (min(letters), max(letters) + 1) if letters else (len(chunk), len(chunk))
        middle = "".join(cluster.character for cluster in chunk[first:stop])
        head = next((len(part) for part in self.beginnings
                     if len(part) < len(middle) and middle.startswith(part)), 0)
        tail = next((len(part) for part in self.endings
                     if len(part) < len(middle) - head and middle.endswith(part)), 0)
        if letters and self._abbreviated(text, chunk, first + head, stop):
            stop, tail = stop + 1, 0
        bounds = [first, first + head, stop - tail, stop]
        parts = [(begin, end) for begin, end in itertools.pairwise(bounds) if begin < end]
        spans = [*_marks(chunk, 0, first), *parts, *_marks(chunk, stop, len(chunk))]
        places = [(chunk[begin].start, chunk[end - 1].end) for begin, end in spans]
        return [Word(text[start:end], start, end) for start, end in places]

    def _counts_as_letter(self, chunk: Sequence[Cluster], place: int) -> bool:
        mark = chunk[place].character
        before = chunk[place - 1] if place else None
        after = chunk[place + 1] if place + 1 < len(chunk) else None
        if after and mark in self.kept_before and not after.kind & MARK:
            return True
        if before is None or before.kind & MARK:
            return False
        is_initial = (mark == PERIOD and before.kind & CASED and (place < 2 or chunk[place - 2].kind & OPENS)
                      and (after is None or after.character != PERIOD))
        in_address = mark == SLASH and ADDRESS in "".join(cluster.character for cluster in chunk)
        return bool(is_initial or in_address or mark in self.kept_after)

    def _abbreviated(self, text: str, chunk: Sequence[Cluster], first: int, stop: int) -> bool:
        """Whether the period after a word belongs to it."""
        following = [cluster.character for cluster in chunk[stop:stop + 2]]
        return following[:1] == [PERIOD] and following[1:] != [PERIOD] and shape(
            text[chunk[first].start:chunk[stop - 1].end]) + PERIOD in self.abbreviations


class _Parts(dict[str, tuple[Word, ...]]):
    """The words of each token: most tokens of a text have been seen before.

    Args:
        rule: that parts them.
    """

    def __init__(self, rule: RawWords):
        super().__init__()
        self._rule = rule

    def __missing__(self, token: str) -> tuple[Word, ...]:
        found = self._rule.parts(token)
        if len(token) <= _LONGEST_KNOWN:
            if len(self) >= _MOST_KNOWN:
                self.clear()
            self[token] = found
        return found


_parts_of = functools.lru_cache(maxsize=16)(_Parts)
#: As before there was a rule.
AT_SPACES = RawWords()


def shape(word: str) -> str:
    """A word with its digits as 0."""
    return word.translate(_AS_ZERO)


def clusters(text: str, characters: bool, parted: str = "") -> list[Cluster]:
    """The characters of a text, without white space.

    Args:
        text: any string.
        characters, parted: see `RawWords`.
    """
    found: list[Cluster] = []
    space, apart, before = True, False, ""
    for place, character in enumerate(text):
        kind = kind_of(character)
        alone = bool(kind & (APART | UNSPACED if characters else APART)) or character in parted
        belongs = not space and not (alone and kind & UNSPACED) and bool(
            kind & (INVISIBLE | COMBINING) or (kind & SYMBOL and before == JOINER)
            or (kind & FLAG and kind_of(before) & FLAG))
        if belongs:
            end = found[-1].end if kind & INVISIBLE else place + 1
            found[-1] = found[-1]._replace(end=end)
        elif not kind & SPACE and not (space and kind & INVISIBLE):
            same = APOSTROPHE if character == CURLY else character
            found.append(Cluster(same, kind, place, place + 1, space or alone or apart))
            space, apart = False, alone
        else:
            space, apart = True, False
        before = character
    return found


def _marks(chunk: Sequence[Cluster], begin: int, end: int) -> list[tuple[int, int]]:
    """Marks at an edge of a chunk: equal ones in a row are one word, brackets never."""
    found: list[tuple[int, int]] = []
    for place in range(begin, end):
        if place > begin and chunk[place].character == chunk[place - 1].character and not chunk[place].kind & BRACKET:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found
