"""The input of prediction as a stream of records: lines, rows of tables, JSON objects, sentences, questions.

A line is a record whatever it holds, so that there is one answer for each.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import logging
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from xtremedistil_tf.corpus.encodings import UTF16_MARKS
from xtremedistil_tf.corpus.files import counted, opened, quoted, stem_and_suffix
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.raw_text import Asked, text_in
from xtremedistil_tf.tasks.task import Task

log = logging.getLogger(__name__)
STANDARD_STREAM = "-"
_TO_UTF8 = "Convert it with: iconv -f UTF-16 -t UTF-8."
_LONGEST_FIELD = 1 << 27


@dataclasses.dataclass(frozen=True)
class Record:
    """One record of the input.

    Attributes:
        line: the line where it begins, from 1.
        asked: what is asked; None: it holds nothing, or is faulty.
        fault: what is wrong with it, what was expected.
        source: the file, where there are several.
    """

    line: int
    asked: Asked | None = None
    fault: str | None = None
    source: str = ""

    @property
    def characters(self) -> int:
        """How long its texts are."""
        return sum(map(len, self.asked.texts)) if self.asked else 0


@dataclasses.dataclass(frozen=True)
class InputReader:
    """Reads the input of prediction.

    Args:
        task: that answers.
        pairs: whether it is on pairs of texts.
        columns: names or numbers (from 1) of the columns of a table that hold the texts, of JSON lines their keys;
            empty: there is no table.
        header: whether the first line of a table names its columns.
    """

    task: Task
    pairs: bool
    columns: Sequence[str] = ()
    header: bool = True

    def read(self, source: str) -> Iterator[Record]:
        """The records of a file, of a folder of text files or several files separated by commas, as `text_files` has
        them, or of `-`, standard input, in order.

        The file's name says how it is read: `.jsonl`; labelled files of the task (`.tsv`, `.conll`, SQuAD's `.json`);
        anything else is a text a line. With `columns`: `.jsonl`, `.csv`, anything else is a table with tabs. Files
        ending in `.gz`, `.bz2` and `.xz` are decompressed.

        Raises:
            DataError: the source cannot be read, is UTF-16, or has not these columns.
            ConfigError: the task needs more or fewer columns.
        """
        if source == STANDARD_STREAM or pathlib.Path(source).is_file() or not (
                pathlib.Path(source).is_dir() or "," in source):
            yield from self._read(source)
            return
        for file in map(os.fspath, text_files(source)):
            yield from (dataclasses.replace(record, source=file) for record in self._read(file))

    def _read(self, source: str) -> Iterator[Record]:
        suffix = "" if source == STANDARD_STREAM else stem_and_suffix(source)[1]
        formats = self.task.files(self.pairs).formats
        if self.columns:
            self._check_columns(suffix, formats)
        if suffix not in (".tsv", ".jsonl") and suffix in formats:
            yield from self._labelled(source)
        elif suffix == ".csv" and self.columns:
            yield from self._csv(source)
        else:
            if suffix == ".csv":
                log.warning("%s: every line is taken as text. To read it as a table, name the columns of the texts: "
                            "`columns`.", source)
            yield from self._by_line(source, suffix)

    def _check_columns(self, suffix: str, formats: Sequence[str]) -> None:
        # Not every directory says that its task is on pairs.
        possible = [self.task.raw_text.names(pairs) for pairs in {self.pairs, True}]
        given = ",".join(self.columns)
        if len(self.columns) not in map(len, possible):
            expected = " or ".join(f"{len(names)} ({', '.join(names)})" for names in sorted(set(possible), key=len))
            raise ConfigError(f"`columns={given}`: {counted(len(self.columns), 'column')}, expected {expected}.")
        if suffix not in (".tsv", ".jsonl") and suffix in formats:
            raise ConfigError(f"`columns={given}`: a {suffix} file has no such columns. Expected a table (.csv, .tsv) "
                              "or .jsonl.")

    def _labelled(self, source: str) -> Iterator[Record]:
        for example in self.task.read_unlabeled(source, self.pairs):
            yield Record(example.line, self.task.asked(example))

    def _by_line(self, source: str, suffix: str) -> Iterator[Record]:
        lines = decoded_lines(source)
        parse = self._line_parser(source, suffix, lines)
        for number, line, fault in lines:
            if fault or not line.strip():
                yield Record(number, None, fault)
                continue
            try:
                yield Record(number, parse(line, number))
            except DataError as error:
                yield Record(number, None, str(error))

    def _line_parser(self, source: str, suffix: str,
                     lines: Iterator[tuple[int, str, str | None]]) -> Callable[[str, int], Asked | None]:
        if suffix == ".jsonl":
            return lambda line, number: self._of_json(line)
        if self.columns:
            header = _header(source, next(lines, (1, "", None))) if self.header else None
            places = [_place(source, name, header) for name in self.columns]
            return lambda line, number: self._of_cells(line.split("\t"), places)
        if suffix == ".tsv":
            return lambda line, number: self.task.asked_row(line.split("\t"), self.pairs)
        return lambda line, number: self.task.asked_line(line, number, source)

    def _of_json(self, line: str) -> Asked | None:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"not JSON ({error}), expected one object a line") from error
        if not isinstance(record, Mapping):
            raise DataError(f"{quoted(record)}, expected an object such as {{\"text\": \"...\"}}")
        if not self.columns:
            return self.task.asked_record(record, self.pairs)
        for name in self.columns:
            if name not in record:
                raise DataError(f"no key {quoted(name)} among {quoted(', '.join(record))}")
        return self.task.asked_texts([text_in(record, name) for name in self.columns])

    def _of_cells(self, cells: Sequence[str], places: Sequence[int]) -> Asked | None:
        if max(places) >= len(cells):
            raise DataError(f"{counted(len(cells), 'column')}, expected at least {max(places) + 1}")
        return self.task.asked_texts([cells[place] for place in places])

    def _csv(self, source: str) -> Iterator[Record]:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
        faults: list[str] = []
        rows = csv.reader(_noting_faults(decoded_lines(source, keep_ends=True), faults), strict=True)
        header = _csv_header(source, rows, faults) if self.header else None
        places = [_place(source, name, header) for name in self.columns]
        while True:
            line = rows.line_num + 1
            faults.clear()
            try:
                cells = next(rows)
                asked = None if faults or not "".join(cells).strip() else self._of_cells(cells, places)
                yield Record(line, asked, faults[0] if faults else None)
            except StopIteration:
                return
            except (csv.Error, DataError) as error:
                yield Record(line, None, str(error))


def _header(source: str, line: tuple[int, str, str | None]) -> list[str]:
    _, text, fault = line
    if fault:
        raise DataError(f"{source_name(source)}:1: {fault}.")
    return text.split("\t")


def _csv_header(source: str, rows: Iterator[list[str]], faults: Sequence[str]) -> list[str]:
    try:
        header = next(rows, [])
    except csv.Error as error:
        raise DataError(f"{source}:1: {error}, expected a header with the names of columns.") from error
    if faults:
        raise DataError(f"{source}:1: {faults[0]}.")
    return header


def _place(source: str, name: str, header: Sequence[str] | None) -> int:
    names = [cell.strip() for cell in header or ()]
    if names.count(name) == 1:
        return names.index(name)
    if name.isdecimal() and int(name) > 0 and (header is None or int(name) <= len(names)):
        return int(name) - 1
    if header is None:
        raise ConfigError(f"`columns={name}`: without a header (`table_header=False`), expected the numbers of "
                          "columns, from 1.")
    what, given = "several columns" if name in names else "no column", quoted(", ".join(names))
    raise DataError(f"{source_name(source)}:1: {what} {quoted(name)} in the header {given}. Give `columns` the names "
                    "that stand there, or numbers from 1.")


def _noting_faults(lines: Iterator[tuple[int, str, str | None]], faults: list[str]) -> Iterator[str]:
    for _, line, fault in lines:
        if fault:
            faults.append(fault)
        yield line


@contextlib.contextmanager
def _bytes_of(source: str) -> Iterator[BinaryIO]:
    if source == STANDARD_STREAM:
        yield sys.stdin.buffer
        return
    with opened(pathlib.Path(source)) as handle:
        yield handle  # type: ignore[misc]  # what decompresses is no BinaryIO by name


def decoded_lines(source: str, keep_ends: bool = False) -> Iterator[tuple[int, str, str | None]]:
    """(line from 1, its text, what is wrong with it) of all lines; the text is empty where it is not UTF-8."""
    nuls = 0
    with _bytes_of(source) as handle:
        for number, raw in enumerate(handle, 1):
            if number == 1 and raw.startswith(UTF16_MARKS):
                raise DataError(f"{source_name(source)}:1: UTF-16, expected UTF-8. {_TO_UTF8}")
            nuls += b"\0" in raw
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                bad = error.object[error.start]
                yield number, "", (f"byte 0x{bad:02x} at offset {error.start} of the line is not valid UTF-8 "
                                   f"({error.reason}), expected UTF-8")
                continue
            yield number, text if keep_ends else text.removesuffix("\n").removesuffix("\r"), None
    if nuls:
        log.warning("%s: %s with NUL characters. If it is UTF-16, expected UTF-8: %s", source_name(source),
                    counted(nuls, "line"), _TO_UTF8)


def source_name(source: str) -> str:
    """What messages call a source."""
    return "standard input" if source == STANDARD_STREAM else source
