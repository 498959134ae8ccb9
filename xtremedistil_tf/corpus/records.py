"""Records of a file, a mapping of names to values each: JSON lines, JSON arrays, tables with a header, Parquet."""

from __future__ import annotations

import csv
import itertools
import json
import os
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.files import Faults, open_lines, quoted, read_whole, stem_and_suffix
from xtremedistil_tf.errors import DataError, MissingExtraError

Record = dict[str, Any]
JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
PARQUET = ".parquet"
_PARQUET_MARK = b"PAR1"
_DELIMITERS = ("\t", ",", ";", "|")
#: Keys under which a JSON object holds all its records.
_HOLDERS = ("data", "examples", "rows", "instances", "items", "rasa_nlu_data")
_PEEKED = 100


def is_parquet(path: str | os.PathLike[str]) -> bool:
    """Whether a file is Parquet, by its first bytes."""
    try:
        with open(path, "rb") as handle:
            return handle.read(4) == _PARQUET_MARK
    except OSError:
        return False


def is_json(path: str | os.PathLike[str]) -> bool:
    """Whether a file is JSON: by its name, or because it begins as objects, or an array of them, do."""
    if stem_and_suffix(path)[1] in JSON_SUFFIXES:
        return True
    first = [line.strip() for line in peeked(path) if line.strip()][:2]
    if not first or not re.match(r'\{\s*"|\[\s*\{|[\[{]$', first[0]):
        return False
    if first[0] in ("[", "{"):
        return len(first) > 1 and re.match(r'\{|"[^"]*"\s*:', first[1]) is not None
    return is_object(first[0].rstrip(",")) or first[0].startswith("[")


def is_object(line: str) -> bool:
    """Whether a line is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def peeked(path: str | os.PathLike[str]) -> list[str]:
    """The first lines of a file, up to one that is faulty: whoever reads on says what is wrong with it."""
    found = []
    try:
        for _, line in itertools.islice(open_lines(path), _PEEKED):
            found.append(line)
    except DataError:
        pass
    return found


def json_records(path: str | os.PathLike[str], faults: Faults) -> Iterator[tuple[int, Record]]:
    """(number of the line, or of the object where they are no lines, record) of JSON.

    JSON lines are read as a stream. An array of objects, an object that holds one, or an object of columns is read
    whole.

    Args:
        path: the file.
        faults: receives what is no object.

    Raises:
        DataError: see `open_lines`.
    """
    lines = [line for line in peeked(path) if line.strip()]
    first = _loaded(lines[0]) if lines else None
    is_one = not isinstance(first, dict) or _holds_records(first) or (len(lines) == 1 and _are_columns(first))
    if is_one and (found := _whole(path)) is not None:
        say_once(os.fspath(path), f"is one JSON value; its {len(found):,} objects are read")
        rows: Iterator[tuple[int, Any]] = enumerate(found, 1)
    else:
        rows = ((number, _loaded(line)) for number, line in open_lines(path) if line.strip())
    for number, record in rows:
        if isinstance(record, dict):
            yield number, record
        elif isinstance(record, _NotJson):
            faults.add(number, f"not JSON: {record.reason}, expected one object a line")
        else:
            faults.add(number, f'{quoted(record)}, expected an object such as {{"text": "...", "label": "..."}}')


class _NotJson:
    def __init__(self, reason: str):
        self.reason = reason


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return _NotJson(f"{error.msg} at column {error.colno}")
    except (ValueError, RecursionError) as error:
        return _NotJson(str(error))


def _holds_records(record: Record) -> bool:
    return any(isinstance(record.get(key), list) and all(isinstance(one, dict) for one in record[key])
               for key in _HOLDERS)


def _are_columns(record: Record) -> bool:
    """Whether an object has a list of each column's values; the tokens of a sentence are one, too."""
    columns = list(record.values())
    return len(columns) > 1 and not {"tokens", "words"} & set(record) and all(
        isinstance(one, list) and len(one) == len(columns[0]) for one in columns)


def _whole(path: str | os.PathLike[str]) -> list[Any] | None:
    """The records of a file that is one JSON value; None where it is none."""
    value = _loaded(read_whole(path))
    if isinstance(value, list) and any(isinstance(one, dict) for one in value):
        return value
    if not isinstance(value, dict):
        return None
    held: list[Any] | None = next((value[key] for key in _HOLDERS if isinstance(value.get(key), list)), None)
    if held is not None:
        return held
    return [dict(zip(value, row)) for row in zip(*value.values())] if _are_columns(value) else [value]


def parquet_records(path: str | os.PathLike[str]) -> Iterator[tuple[int, Record]]:
    """(number of the row, record) of a Parquet file; classes that its metadata names are given by name.

    Raises:
        MissingExtraError: pyarrow is not installed.
        DataError: the file is damaged.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "datasets", f"reading {path}") from error
    try:
        file = parquet.ParquetFile(os.fspath(path))
        names = _class_names(file.schema_arrow.metadata or {})
        rows = (row for batch in file.iter_batches(1024) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            yield number, {key: _named(value, names.get(key)) for key, value in row.items()}
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: damaged Parquet file ({error}). Copy or download it again.") from error


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """{column: names of its classes}, as the library `datasets` writes them."""
    found = {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    for column, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else feature[0]
        if isinstance(inner, dict) and isinstance(inner.get("names"), list):
            found[column] = inner["names"]
    return found


def _named(value: Any, names: Sequence[str] | None) -> Any:
    if not names:
        return value
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def delimiter_of(path: str | os.PathLike[str]) -> str:
    """What parts the columns of a `.csv` file: what is equally often in its first lines, tabs before commas; else the
    commonest in the first line."""
    bare = [re.sub(r'"[^"]*"', "", line) for line in peeked(path) if line.strip()]
    counts = {delimiter: [line.count(delimiter) for line in bare] for delimiter in _DELIMITERS}
    even = [delimiter for delimiter, found in counts.items() if len(set(found)) == 1 and found[0]]
    return even[0] if even else max(_DELIMITERS, key=lambda delimiter: sum(counts[delimiter][:1]))


def csv_rows(path: str | os.PathLike[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(number of its first line, cells) of each row of a CSV file; cells may be quoted and hold line breaks.

    Raises:
        DataError: see `open_lines`; a quotation mark is never closed.
    """
    reader = csv.reader((line + "\n" for _, line in open_lines(path)), delimiter=delimiter, strict=True)
    number = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}:{number}: not CSV ({error}). Expected quotation marks in a quoted cell to be "
                            "doubled, and each opening one to be closed.") from error
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield number, cells
        number = reader.line_num + 1


def tsv_rows(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """(number of the line, cells) of each line that is not blank; a quotation mark is a character like any other."""
    return ((number, line.split("\t")) for number, line in open_lines(path) if line.strip())


def is_csv(path: str | os.PathLike[str], known: Sequence[str]) -> bool:
    """Whether a file is CSV: by its name, or because its first line has no tab and names known columns.

    Args:
        path: the file.
        known: names of columns, in small letters; two of them must be there.
    """
    if pathlib.PurePath(stem_and_suffix(path)[1]).name == ".csv":
        return True
    first = next((line for line in peeked(path) if line.strip()), "")
    if "\t" in first:
        return False
    for delimiter in _DELIMITERS[1:3]:
        cells = [cell.strip(' "').lower() for cell in first.split(delimiter)]
        if len(cells) > 1 and len(set(cells) & set(known)) > 1:
            say_once(os.fspath(path), "is CSV and read as such")
            return True
    return False
