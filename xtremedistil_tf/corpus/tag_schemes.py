"""Tag schemes: which one a file's tags are in, and how they become IOB2."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

AUTO, IOB2, IOB1, IO, NONE, MIXED = "auto", "IOB2", "IOB1", "IO", "none", "mixed"
#: Scheme -> the letters before its types. A file has the first one whose letters are enough.
LETTERS = {IOB2: "BI", "BIOES": "BIES", "BILOU": "BILU", "BMEWO": "BMEW", "BMES": "BMES"}
OUTSIDE = "O"
#: The type of entities whose tags name none (`B`, `I`, `O`).
UNNAMED = "ENTITY"
_IOB2 = re.compile(r"O|[BI]-\S+")
_LETTERED = re.compile(r"[BIESLUMW]-\S+")
# Underscores; the letter behind its type; small letters.
_SPELLINGS: tuple[tuple[re.Pattern[str], Callable[[Any], str]], ...] = (
    (re.compile(r"([BIESLUMW])_(\S+)"), lambda match: f"{match[1]}-{match[2]}"),
    (re.compile(r"(\S+)[-_]([BIESLUMW])"), lambda match: f"{match[2]}-{match[1]}"),
    (re.compile(r"o|([bieslumw])-(\S+)"), lambda match: f"{match[1].upper()}-{match[2]}"))
_BEGINS, _GOES_ON = frozenset("BSUW"), frozenset("IELM")
_CLOSES = frozenset("ESLUW")
#: More different tags than this, and more than every fifth token has another: hardly tags.
_MOST_TAGS, _MOST_SHARE = 50, 0.2


def is_iob2(tag: str) -> bool:
    """Whether `tag` is `O`, `B-type` or `I-type`."""
    return _IOB2.fullmatch(tag) is not None


def is_lettered(tag: str) -> bool:
    """Whether `tag` is `O`, or a type behind a letter of one of the schemes."""
    return tag == OUTSIDE or _LETTERED.fullmatch(tag) is not None


def usual_spelling(tags: Collection[str]) -> Callable[[str], str] | None:
    """How tags of an unusual spelling become `B-PER`: `B_PER`, `PER-B`, `b-per` with `o`; None where they are usual.

    Args:
        tags: all of a file.
    """
    marked = [tag for tag in tags if tag != OUTSIDE]
    if not marked or any(map(_LETTERED.fullmatch, marked)):
        return None
    for pattern, written in _SPELLINGS:
        if all(map(pattern.fullmatch, marked)) and any(pattern.fullmatch(tag) and tag != "o" for tag in marked):
            return lambda tag: OUTSIDE if tag in (OUTSIDE, "o") else written(pattern.fullmatch(tag))
    return None


def scheme_of(counts: Counter[str], entities: bool | None = None) -> str:
    """The scheme of a file's tags.

    Args:
        counts: how often each tag occurs in the file.
        entities: whether tags without letters are types of entities (`PER`) or labels of their own (`NOUN`), where
            that is known; None: types where `O` is the most frequent tag, as it is of entities.

    Returns:
        One of `LETTERS`; IO, of types without letters; NONE; or MIXED, of tags with and without letters. IOB1 has the
        letters of IOB2 and is converted alike: only `conversion_line` tells them apart.
    """
    tags = set(counts) - {OUTSIDE}
    lettered = {tag for tag in tags if is_lettered(tag)}
    if not tags - lettered or (tags - lettered <= {"B", "I"} and OUTSIDE in counts):
        letters = {tag[0] for tag in tags}
        return next((name for name, known in LETTERS.items() if letters <= set(known)), MIXED)
    if lettered:
        return MIXED
    if entities is None:
        entities = bool(counts[OUTSIDE]) and counts[OUTSIDE] == max(counts.values())
    # Parts of speech may be single letters, one of them an O.
    entities = entities and (not tags or max(map(len, tags)) > 1)
    return IO if entities else NONE


class Converted(NamedTuple):
    """Tags of a sentence in IOB2.

    Attributes:
        tags: one for each tag that was given.
        begun: entities that began without a letter that begins one, and now have their `B-`.
        adjacent: `B-` that part two entities of one type, which is all that they do in IOB1.
        free: other `B-`.
    """

    tags: tuple[str, ...]
    begun: int = 0
    adjacent: int = 0
    free: int = 0


def to_iob2(tags: Sequence[str], scheme: str) -> Converted:
    """The same entities in IOB2.

    An `I-` that follows no word of its type begins an entity. Tags that are none of the scheme's stay as they are.

    Args:
        tags: of the words of a sentence.
        scheme: one of `LETTERS`, IOB1, IO or NONE.
    """
    return _converted(tuple(tags), scheme)


@functools.lru_cache(maxsize=1 << 16)  # many sentences have the same tags
def _converted(tags: tuple[str, ...], scheme: str) -> Converted:
    if scheme == NONE:
        return Converted(tags)
    found, open_type = [], ""
    begun = adjacent = free = 0
    for tag in tags:
        letter, kind = _parted(tag, scheme)
        if not kind:
            found.append(tag)
            open_type = ""
            continue
        begins = letter in _BEGINS or kind != open_type
        begun += letter not in _BEGINS and begins
        adjacent += letter in _BEGINS and kind == open_type
        free += letter in _BEGINS and kind != open_type
        found.append(("B-" if begins else "I-") + kind)
        # After an end the same type may begin anew, but nothing goes on.
        open_type = "" if letter in _CLOSES and scheme != IO else kind
    return Converted(tuple(found), begun, adjacent, free)


def _parted(tag: str, scheme: str) -> tuple[str, str]:
    """(letter, type) of a tag; no type where it is `O` or none of the scheme's tags."""
    if tag == OUTSIDE:
        return "", ""
    if scheme == IO and not _LETTERED.fullmatch(tag):
        return "I", tag
    if tag in ("B", "I"):
        return tag, UNNAMED
    letter, dash, kind = tag.partition("-")
    known = letter in _BEGINS | _GOES_ON and dash and kind and letter in LETTERS.get(scheme, "BI")
    return (letter, kind) if known else ("", "")


def iob2_of(label: str, scheme: str) -> str:
    """What a label of a scheme is in IOB2, wherever it stands."""
    letter, kind = _parted(label, scheme)
    return f"{'B' if letter in _BEGINS else 'I'}-{kind}" if kind else label


def labels_in_iob2(labels: Sequence[str]) -> list[str]:
    """A list of labels in IOB2: `B-` and `I-` of each type, in the order in which the types first occur.

    Labels that are IOB2 and no more stay as they are, but for a `B-` that an `I-` lacks; so do labels of no scheme.
    """
    scheme = scheme_of(Counter(dict.fromkeys(labels, 1)), entities=OUTSIDE in labels)
    if scheme in (NONE, MIXED):
        return list(labels)
    found: dict[str, None] = {}
    for label in labels:
        letter, kind = _parted(label, scheme)
        stays = scheme == IOB2 and (letter == "B" or f"B-{kind}" in labels) and label not in ("B", "I")
        if not kind or stays:
            found[label] = None
        else:
            found |= dict.fromkeys([f"B-{kind}", f"I-{kind}"])
    return list(found)


def hardly_tags(counts: Counter[str]) -> bool:
    """Whether there are so many different ones that they are words rather than tags."""
    return len(counts) > max(_MOST_TAGS, _MOST_SHARE * sum(counts.values()))


def conversion_line(scheme: str, sentences: Iterable[Converted]) -> str | None:
    """What was converted, in one line for people; None where nothing was."""
    sums = [sum(column) for column in zip(*((one.begun, one.adjacent, one.free) for one in sentences))]
    begun, adjacent, free = sums or (0, 0, 0)
    if scheme == NONE or (scheme == IOB2 and not begun):
        return None
    entities = f"{begun + adjacent + free:,} entities"
    if scheme == IO:
        return f"tags are types of entities without B- and I- (IO); converted to IOB2: {entities}, neighbouring " \
               "words of one type being one entity. `tag_scheme=none` takes them as labels of words"
    if scheme in (IOB2, IOB1):
        if free:
            return f"tags are IOB2, but {begun:,} of {entities} begin with I-; their first tag is read as B-"
        return f"tags are IOB1; converted to IOB2: {entities}, of which {begun:,} began with I-"
    broken = f"; {begun:,} of them lack their beginning" if begun else ""
    return f"tags are {scheme}; converted to IOB2: {entities}{broken}"
