"""The CoNLL layout: one token a line, its tag in the last column, a blank line after each sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults, words_problem
from xtremedistil_tf.corpus.languages import split_language
from xtremedistil_tf.corpus.lines import open_lines
from xtremedistil_tf.corpus.tags import is_iob2

_Row = tuple[int, "list[str]"]


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
