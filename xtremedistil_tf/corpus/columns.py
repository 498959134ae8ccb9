"""Files with a token a line: which column holds the token and which its tag, decided by the content of the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from xtremedistil_tf.corpus.files import quoted, split_language
from xtremedistil_tf.corpus.reading import Reading, column_index
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE, is_lettered
from xtremedistil_tf.errors import DataError

Row = tuple[int, "list[str]"]
TOKEN_NAMES = frozenset(("token", "tokens", "word", "words", "form", "text"))
TAG_NAMES = frozenset(("tag", "tags", "ner", "ner_tag", "ner_tags", "iob", "bio", "label", "labels", "pos", "upos",
                       "entity", "ne-coarse-lit"))
LANGUAGE_NAMES = frozenset(("language", "lang"))
SENTENCE_NAMES = frozenset(("sentence #", "sentence", "sentence_id", "sent_id", "sentence_idx", "sentence id"))
_NUMBER = re.compile(r"[0-9]+(?:[-.][0-9]+)?")
_CHUNKS = frozenset(("NP", "VP", "PP", "ADVP", "SBAR", "ADJP", "PRT", "CONJP", "INTJ", "LST", "UCP"))
_FILLERS = frozenset(("_", "-", "*", "-X-", "O", ""))
_BRACKETED = re.compile(r"\(?[^()*]*\*\)?|\([^()*]+\)")
# CoNLL-U and CoNLL-X have the part of speech in their fourth column; CoNLL-2012 its entities in the eleventh.
_CONLLU_WIDTHS, _CONLLU_TAG = (8, 9, 10), 3
_CONLL2012_TOKEN, _CONLL2012_NAMES, CONLL2012_MARK = 3, 10, "#begin document"
#: Share of the rows whose value must be a tag, for a column to be one of tags in spite of faults in it.
_MOST_FAULTS = 0.1


@dataclass(frozen=True)
class Columns:
    """Attributes:
        token, tag: indices of columns; None where there is no column of tags.
        width: number of columns; 0 where it differs from line to line by design.
        first: a line that has so many.
        header: number of the line with the names of the columns, 0 without one.
        index: column of running numbers, where there is one.
        language, sentence: columns of the sentence's language and of its number, where there are such.
        brackets: whether tags are the brackets of CoNLL-2012.
        said: what was decided, for people; empty where there was nothing to decide.
    """

    token: int = 0
    tag: int | None = None
    width: int = 2
    first: int = 0
    header: int = 0
    index: int | None = None
    language: int | None = None
    sentence: int | None = None
    brackets: bool = False
    said: str = ""
    tags: frozenset[str] = field(default=frozenset(), repr=False)

    def fitted(self, cells: list[str]) -> list[str]:
        """The cells of a line, without stray tabs, or with spaces for tabs, where only that has the right number."""
        if not self.width or len(cells) == self.width:
            return cells
        for other in ([cell for cell in cells if cell], [part for cell in cells for part in cell.split(" ") if part]):
            if len(other) == self.width:
                return other
        return cells

    def is_tagged(self, cells: Sequence[str]) -> bool:
        """Whether a line has a tag where this file has its tags."""
        if self.tag is None or len(cells) <= self.tag or (self.width and len(cells) != self.width):
            return False
        tag = split_language(cells[self.tag])[1]
        return tag in self.tags or is_lettered(tag)


def columns_of(sentences: Sequence[Sequence[Row]], reading: Reading, path: str, is_2012: bool = False,
               tagged: bool = True) -> Columns:
    """The columns of a file.

    Args:
        sentences: its lines, without comments, as many as are to decide.
        reading: may name columns.
        path: of the file, for messages.
        is_2012: whether it is CoNLL-2012.
        tagged: whether tags are wanted.

    Raises:
        DataError: nothing tells which column holds the tags, or a column that `reading` names does not exist.
    """
    header = _header(sentences)
    rows = [row for sentence in sentences for row in sentence if row[0] != header[0]]
    if not rows:
        return Columns(header=header[0])
    counts = Counter(len(cells) for _, cells in rows)
    width = 0 if is_2012 else counts.most_common(1)[0][0]
    first = next((number for number, cells in rows if len(cells) == width), 0)
    inner = [[row for row in sentence if row[0] != header[0]] for sentence in sentences]
    even = [[cells for _, cells in sentence if len(cells) == width or is_2012] for sentence in inner]
    index = None if is_2012 or width < 3 else _index(even, width)
    body = [cells for sentence in even for cells in sentence if index is None or cells[index].isdigit()]
    widest = width or min(map(len, body))
    names = header[1]
    token = _token(names, index, is_2012) if not reading.token_column else column_index(
        reading.token_column, widest, names, "token_column", path)
    language, sentence = (next((place for place, name in enumerate(names) if name.strip().lower() in known), None)
                          for known in (LANGUAGE_NAMES, SENTENCE_NAMES))
    tag, said = None, ""
    if reading.tag_column:
        tag = column_index(reading.tag_column, widest, names, "tag_column", path)
    elif is_2012:
        tag, said = _CONLL2012_NAMES, "is CoNLL-2012: the token is column 4, its entity column 11"
    elif width > 1:
        token, tag, said = _tag(body, token, width, index, names, path, tagged, bool(reading.token_column))
    tags = frozenset(split_language(cells[tag])[1] for cells in body if len(cells) > tag) if tag is not None \
        else frozenset()
    brackets = is_2012 or (tag is not None and any("(" in one for one in tags)
                           and all(_BRACKETED.fullmatch(one) for one in tags))
    return Columns(token, tag, width, first, header[0], index, language, sentence, brackets, said, tags)


def _header(sentences: Sequence[Sequence[Row]]) -> tuple[int, list[str]]:
    """(line, names) of the header; (0, []) without one."""
    if not sentences or not sentences[0]:
        return 0, []
    number, cells = sentences[0][0]
    names = {cell.strip().lower() for cell in cells}
    is_header = len(cells) > 1 and names & TOKEN_NAMES and (names - TOKEN_NAMES) & TAG_NAMES
    return (number, cells) if is_header else (0, [])


def _index(sentences: Sequence[Sequence[Sequence[str]]], width: int) -> int | None:
    """The column that numbers the tokens of each sentence, from 0 or 1, with CoNLL-U's `3-4` and `5.1` between."""
    for column in range(min(3, width - 1)):
        values = [[cells[column] for cells in sentence] for sentence in sentences if sentence]
        several = any(len(row) > 1 for row in values) or (values and width in _CONLLU_WIDTHS)
        if several and all(map(_counts_up, values)):
            return column
    return None


def _counts_up(values: Sequence[str]) -> bool:
    if not all(map(_NUMBER.fullmatch, values)):
        return False
    whole = [int(value) for value in values if value.isdigit() and len(value) < 8]
    return not whole or (whole[0] in (0, 1) and whole == list(range(whole[0], whole[0] + len(whole))))


def _token(names: Sequence[str], index: int | None, is_2012: bool) -> int:
    named = next((place for place, name in enumerate(names) if name.strip().lower() in TOKEN_NAMES), None)
    if named is not None:
        return named
    if is_2012:
        return _CONLL2012_TOKEN
    return 0 if index is None else index + 1


def _tag(rows: Sequence[Sequence[str]], token: int, width: int, index: int | None, names: Sequence[str], path: str,
         tagged: bool, is_given: bool) -> tuple[int, int | None, str]:
    """(column of the token, column of the tag, what was decided)."""
    if width == 2 and not is_given:
        return _of_two(rows, token, names)
    others = [column for column in range(width) if column not in (token, index)]
    lettered = [column for column in others if _is_lettered(rows, column)]
    meant = [column for column in lettered if not _types(rows, column) <= _CHUNKS or not _types(rows, column)]
    if typed := [column for column in meant or lettered if _types(rows, column)]:
        tag = typed[0]
        others_said = f"; columns {_numbers(typed[1:])} hold tags too: `tag_column` takes another" if typed[1:] else ""
        said = f"the token is column {token + 1} and its tag column {tag + 1}"
        return token, tag, said + others_said if others_said or token or tag != width - 1 else ""
    if lettered:
        return token, lettered[-1], ""
    plain = _plain(rows, width, index, names)
    if plain is not None:
        return token, plain, f"the token is column {token + 1} and its tag column {plain + 1}"
    if not tagged:
        return token, None, ""
    shown = "; ".join(f"{column + 1}: {', '.join(map(quoted, _values(rows, column)[:3]))}" for column in range(width))
    raise DataError(f"{path}: {width} columns, none of which holds tags such as O and B-LOC ({shown}). Expected to be "
                    "told which one holds the tags: give `tag_column`, a number from 1, and `token_column` where it is "
                    f"not {token + 1}.")


def _of_two(rows: Sequence[Sequence[str]], token: int, names: Sequence[str]) -> tuple[int, int | None, str]:
    """Tags stand in the second column, unless a header or the content says that they stand in the first."""
    swapped = not names and all(is_lettered(cells[0]) for cells in rows) and _types(rows, 0) and not all(
        is_lettered(cells[1]) for cells in rows)
    if names:
        return token, 1 - token, "" if token == 0 else "the header puts the tag before the token"
    return (1, 0, "the tag stands before the token") if swapped else (0, 1, "")


def _is_lettered(rows: Sequence[Sequence[str]], column: int) -> bool:
    counts = Counter(split_language(cells[column])[1] for cells in rows)
    known = sum(count for tag, count in counts.items() if is_lettered(tag) or (tag in ("B", "I") and counts[OUTSIDE]))
    return known > (1 - _MOST_FAULTS) * len(rows) and any(is_lettered(tag) for tag in counts)


def _types(rows: Sequence[Sequence[str]], column: int) -> set[str]:
    tags = {split_language(cells[column])[1] for cells in rows}
    return {tag[2:] or tag for tag in tags if tag != OUTSIDE and (is_lettered(tag) or tag in ("B", "I"))}


def _plain(rows: Sequence[Sequence[str]], width: int, index: int | None, names: Sequence[str]) -> int | None:
    """The column of parts of speech and the like."""
    named = next((place for place, name in enumerate(names) if name.strip().lower() in TAG_NAMES), None)
    if named is not None:
        return named
    if index == 0 and width in _CONLLU_WIDTHS:
        return _CONLLU_TAG if set(_values(rows, _CONLLU_TAG)) - _FILLERS else None
    return 2 if index == 0 and width == 3 else None


def _values(rows: Sequence[Sequence[str]], column: int) -> list[str]:
    return list(dict.fromkeys(cells[column] for cells in rows))


def _numbers(columns: Sequence[int]) -> str:
    return " and ".join(str(column + 1) for column in columns)


def unbracketed(values: Sequence[str]) -> list[str]:
    """The entities of CoNLL-2012's brackets as IOB2: `(ORG*`, `*`, `*)` is B-ORG, I-ORG, I-ORG."""
    found, open_type = [], ""
    for value in values:
        begins = re.match(r"\(([^()*]+)", value)
        kind = begins[1] if begins else open_type
        found.append((("B-" if begins else "I-") + kind) if kind else OUTSIDE)
        open_type = "" if value.endswith(")") else kind
    return found
