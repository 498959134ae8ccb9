"""The CoNLL layout: one token a line, its tag in the last column; and what is a tag."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, open_lines, split_language, words_problem

_IOB2 = re.compile(r"O|[BI]-\S+")
_MAX_LABELS = 20
_Row = tuple[int, "list[str]"]


def is_iob2(tag: str) -> bool:
    """Whether `tag` is `O`, `B-type` or `I-type`."""
    return _IOB2.fullmatch(tag) is not None


def strip_language(tags: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Takes off the language prefix that all tags of a sentence share; (None, tags) without one."""
    pairs = [split_language(tag) for tag in tags]
    languages = {language for language, _ in pairs}
    if len(languages) != 1 or None in languages:
        return None, tuple(tags)
    return languages.pop(), tuple(bare for _, bare in pairs)


class TagRules:
    """Checks tags against known labels, or against the IOB2 shape where no labels are known."""

    def __init__(self, labels: Sequence[str] | None = None):
        self._labels = labels
        self._good = set(labels or ())

    def resolve(self, tags: Sequence[str]) -> tuple[str | None, tuple[str, ...], list[tuple[int, str]]]:
        """Language (from a shared prefix, or None), bare tags, and (token index, problem) of bad tags."""
        language = None
        if not self._good.issuperset(tags):
            language, tags = strip_language(tags)
        # Interned: a million sentences would otherwise hold tens of millions of equal strings.
        tags = tuple(map(sys.intern, tags))
        problems = []
        if not self._good.issuperset(tags):
            problems = [(i, problem) for i, tag in enumerate(tags) if (problem := self._problem(tag))]
        return language, tags, problems

    def _problem(self, tag: str) -> str | None:
        if tag in self._good:
            return None
        prefix, bare = split_language(tag)
        if prefix and (bare in self._good or is_iob2(bare)):
            return f"tag {tag!r} has the language prefix '{prefix}:', expected the same prefix on every " \
                   "tag of the sentence, or none"
        if self._labels is not None:
            return f"unknown label {tag!r}, expected one of {label_list(self._labels)}"
        if not is_iob2(tag):
            return f"malformed tag {tag!r}, expected O, B-type or I-type"
        self._good.add(tag)
        return None


def label_list(labels: Sequence[str]) -> str:
    """Labels as a list fit for a message."""
    more = len(labels) - _MAX_LABELS
    return ", ".join(labels[:_MAX_LABELS]) + (f" and {more} more" if more > 0 else "")


def read_conll(path: str | os.PathLike[str], faults: Faults, tagged: bool = True) -> Iterator[Example]:
    """Yields the sentences of a CoNLL file, tags as written.

    Columns are separated by tabs or, in lines without a tab, by spaces; the first is the token, the
    last its tag. `-DOCSTART-` lines end a sentence and are skipped, as are comments (`# ...` before
    the first token of a sentence, unless the line has the columns of a token). Where every token of
    the file begins with the same language prefix (`en:Paris`, as WikiANN is distributed), it is
    taken off and becomes the language.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; their sentences are not yielded.
        tagged: False: tags are not needed, and their absence is no fault.

    Raises:
        DataError: see `open_lines`.
    """
    source, language = os.fspath(path), _token_language(path)
    skip = len(language) + 1 if language else 0
    width = None
    for rows in _sentences(path):
        words = tuple(columns[0][skip:] for _, columns in rows)
        tags = tuple(columns[-1] for _, columns in rows)
        sound = True
        for (number, columns), word in zip(rows, words):
            if width is None and len(columns) > 1:
                width, width_line = len(columns), number
            problem = words_problem([word])
            if problem is None and tagged:
                problem = _columns_problem(columns, width, width_line if width else 0)
            if problem:
                faults.add(number, problem)
                sound = False
        if sound:
            has_tags = all(len(columns) > 1 for _, columns in rows)
            yield Example(words, tags if has_tags else None, language, source, rows[0][0])


def _sentences(path: str | os.PathLike[str]) -> Iterator[list[_Row]]:
    rows: list[_Row] = []
    width = None
    for number, text in open_lines(path):
        columns = _columns(text)
        docstart = text.startswith("-DOCSTART-")
        if docstart or not text.strip():
            if rows:
                yield rows
            rows = []
        elif rows or not _is_comment(text, columns, width):
            rows.append((number, columns))
        if width is None and len(columns) > 1 and (docstart or rows):
            width = len(columns)
    if rows:
        yield rows


def _columns(text: str) -> list[str]:
    text = text.rstrip()
    if "\t" in text:
        return [column.strip(" ") for column in text.split("\t")]
    return [column for column in text.split(" ") if column]


def _is_comment(text: str, columns: list[str], width: int | None) -> bool:
    # The token "#" is legal: "# O" is a token in a file of two columns, "# text = vitamin O" is not.
    if not text.startswith("# "):
        return False
    return len(columns) != (width or 2) or not is_iob2(split_language(columns[-1])[1])


def _columns_problem(columns: list[str], width: int | None, width_line: int) -> str | None:
    if len(columns) == 1:
        return f"token {columns[0]!r} without a tag, expected a token, a space or tab, and its tag"
    if len(columns) != width:
        return f"{len(columns)} columns, expected {width} as in line {width_line}"
    return None


def _token_language(path: str | os.PathLike[str]) -> str | None:
    # Ordinary files are left at their first token; only prefixed ones are read twice.
    language, tokens = None, 0
    for rows in _sentences(path):
        for _, columns in rows:
            found, _ = split_language(columns[0])
            if found is None or (tokens and found != language):
                return None
            language, tokens = found, tokens + 1
    return language if tokens > 1 else None
