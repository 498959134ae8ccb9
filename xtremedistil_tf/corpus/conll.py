"""Files with a token a line, and blank lines between sentences: CoNLL in all its forms."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator, Sequence

from xtremedistil_tf.corpus.columns import CONLL2012_MARK, Columns, Row, columns_of, unbracketed
from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, counted, open_lines, split_language, words_problem
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading

_COMMENTS, _END = ("# ", "#\t", "#begin ", "#end "), "#end document"
#: Without tags, a file is read as a stream, and so many sentences decide which column holds the token.
_SAMPLE = 1000


def read_conll(path: str | os.PathLike[str], faults: Faults, tagged: bool = True, reading: Reading = BY_CONTENT,
               lines: dict[int, list[int]] | None = None, delimiter: str = "") -> Iterator[Example]:
    """Yields the sentences of a file with a token a line, tags as written.

    Columns are separated by tabs or, in lines without a tab, by spaces; see `columns_of`. `-DOCSTART-` lines end a
    sentence and are skipped, as are comments (`# ...` before the first token of a sentence, unless the line has the
    columns and the tag of a token), and the multiword tokens (`3-4`) and empty nodes (`5.1`) of CoNLL-U. Where
    every token of every sentence begins with a language prefix that its sentence shares (`en:Paris`, as WikiANN is
    distributed), it is taken off and becomes the language. White space inside a token stays: see `tagged.parted`.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; their sentences are not yielded.
        tagged: False: tags are not needed, and their absence is no fault.
        reading: may name columns.
        lines: receives, by the line of a sentence, the lines of its tokens.
        delimiter: parts the columns of a CSV file, whose lines may be quoted.

    Raises:
        DataError: see `open_lines` and `columns_of`.
    """
    source = os.fspath(path)
    columns = _decided(path, reading, tagged, delimiter)
    if columns.said and tagged:
        say_once(source, columns.said)
    prefixed = _has_languages(path, columns, delimiter)
    for rows in _sentences(path, columns, delimiter):
        rows = [(number, cells) for number, cells in rows if columns.index is None or len(cells) <= columns.index
                or cells[columns.index].isdigit()]
        problems = [(number, problem) for number, cells in rows
                    if (problem := _problem(cells, columns, tagged))]
        for number, problem in problems:
            faults.add(number, problem)
        if problems or not rows:
            continue
        words = [cells[columns.token] for _, cells in rows]
        language = split_language(words[0])[0] if prefixed else None
        if language:
            words = [word[len(language) + 1:] for word in words]
        elif columns.language is not None:
            language = rows[0][1][columns.language] or None
        if lines is not None:
            lines[rows[0][0]] = [number for number, _ in rows]
        yield Example(tuple(words), _tags(rows, columns), language, source, rows[0][0])


def _tags(rows: Sequence[Row], columns: Columns) -> tuple[str, ...] | None:
    if columns.tag is None or not all(len(cells) > columns.tag for _, cells in rows):
        return None
    tags = [cells[columns.tag] for _, cells in rows]
    return tuple(unbracketed(tags) if columns.brackets else tags)


def _decided(path: str | os.PathLike[str], reading: Reading, tagged: bool, delimiter: str) -> Columns:
    raw = list(itertools.islice(_raw_sentences(path, delimiter), None if tagged else _SAMPLE))
    is_2012 = any(text.startswith(CONLL2012_MARK) for rows in raw[:1] for _, text in rows)
    plain = [[(number, cells_of(text, delimiter)) for number, text in rows if not _may_be_comment(rows, number, text)]
             for rows in raw]
    if not any(plain):  # only lines that may be comments
        plain = [[(number, cells_of(text, delimiter)) for number, text in rows] for rows in raw]
    return columns_of([rows for rows in plain if rows], reading, os.fspath(path), is_2012, tagged)


def _may_be_comment(rows: Sequence[tuple[int, str]], number: int, text: str) -> bool:
    """Whether a line may be a comment: such lines are not asked which columns the file has."""
    return text.startswith(_END) or (text.startswith(_COMMENTS) and all(
        other.startswith(_COMMENTS) for before, other in rows if before < number))


def _raw_sentences(path: str | os.PathLike[str], delimiter: str) -> Iterator[list[tuple[int, str]]]:
    rows: list[tuple[int, str]] = []
    for number, text in open_lines(path):
        if text.replace(delimiter or "\t", "").strip() and not text.startswith("-DOCSTART-"):
            rows.append((number, text))
        elif rows:
            yield rows
            rows = []
    if rows:
        yield rows


def _sentences(path: str | os.PathLike[str], columns: Columns, delimiter: str) -> Iterator[list[Row]]:
    for raw in _raw_sentences(path, delimiter):
        rows: list[Row] = []
        for number, text in raw:
            cells = columns.fitted(cells_of(text, delimiter))
            is_comment = text.startswith(_END) or (
                not rows and text.startswith(_COMMENTS) and not columns.is_tagged(cells))
            if not is_comment and number != columns.header:
                rows.append((number, cells))
        if rows and columns.sentence is not None:
            yield from _by_number(rows, columns.sentence)
        elif rows:
            yield rows


def _by_number(rows: Sequence[Row], column: int) -> Iterator[list[Row]]:
    """Rows parted where the number of the sentence changes; it may stand in the first row of a sentence only."""
    found: list[Row] = []
    last = ""
    for number, cells in rows:
        mark = cells[column].strip() if len(cells) > column else ""
        if found and mark and mark != last:
            yield found
            found = []
        last = mark or last
        found.append((number, cells))
    yield found


def cells_of(text: str, delimiter: str = "") -> list[str]:
    """The columns of a line: parted by tabs, without a tab by spaces; of CSV by its delimiter."""
    if delimiter:
        return [cell.strip(" ") for cell in next(csv.reader([text], delimiter=delimiter))]
    text = text.rstrip()
    if "\t" in text:
        return [column.strip(" ") for column in text.split("\t")]
    return [column for column in text.split(" ") if column]


def _problem(cells: Sequence[str], columns: Columns, tagged: bool) -> str | None:
    token = cells[columns.token] if len(cells) > columns.token else cells[0]
    if not token.split() or (" " in token and columns.width <= 2):
        return words_problem([token])
    if tagged and len(cells) == 1:
        return f"token {cells[0]!r} without a tag, expected a token, a space or tab, and its tag"
    if tagged and columns.width and len(cells) != columns.width:
        return f"{len(cells)} columns, expected {columns.width} as in line {columns.first}"
    fewest = 1 + max(columns.token, (columns.tag or 0) if tagged else 0)
    return None if len(cells) >= fewest else f"{counted(len(cells), 'column')}, expected at least {fewest}"


def _has_languages(path: str | os.PathLike[str], columns: Columns, delimiter: str) -> bool:
    """Whether all tokens of each sentence begin with the same language prefix."""
    # Ordinary files are left at their first token; only prefixed ones are read twice.
    tokens = 0
    for rows in _sentences(path, columns, delimiter):
        found = [split_language(cells[columns.token])[0] if len(cells) > columns.token else None for _, cells in rows]
        if None in found or len(set(found)) > 1:
            return False
        tokens += len(found)
    return tokens > 1
