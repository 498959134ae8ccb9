"""Texts and labels in the rows of a file: which column or key holds which, by name or by place."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.files import (
    MAX_LINE_CHARS,
    Faults,
    counted,
    encoding_problem,
    quoted,
    stem_and_suffix,
)
from xtremedistil_tf.corpus.parallel import Parallel
from xtremedistil_tf.corpus.plain_text import plain_lines
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading, column_index
from xtremedistil_tf.corpus.records import (
    csv_rows,
    delimiter_of,
    is_csv,
    is_json,
    is_parquet,
    json_records,
    parquet_records,
    peeked,
    tsv_rows,
)
from xtremedistil_tf.errors import DataError

# Of `question` and `sentence` (QNLI) the question comes first.
TEXT_KEYS = ("text", "question", "sentence", "sentence1", "premise", "question1", "text_a")
PAIR_KEYS = ("text_pair", "sentence2", "sentence", "hypothesis", "question2", "pair", "text_b")
LABEL_KEYS = ("label", "score", "labels")
LANGUAGE_KEYS = ("language", "lang")
# Further names of columns in files that have their names in the first row.
_TEXT_NAMES = (*TEXT_KEYS, "content", "review", "tweet", "comment", "comment_text", "review_body", "message",
               "utterance", "query", "headline", "document", "body", "sms", "text_1", "sentence_1")
_PAIR_NAMES = (*PAIR_KEYS, "text_2", "sentence_2")
_LABEL_NAMES = (*LABEL_KEYS, "gold_label", "class", "category", "sentiment", "intent", "target", "stars", "rating",
                "polarity", "emotion", "topic", "is_duplicate", "airline_sentiment", "similarity")
_OF_PAIRS = {"sentence1": "sentence2", "premise": "hypothesis", "question1": "question2", "text_a": "text_b",
             "text": "text_pair", "question": "sentence", "text_1": "text_2", "sentence_1": "sentence_2"}
_MARK = "__label__"
_NAME = re.compile(r"[A-Za-z_#][\w #./-]{0,40}")
#: What stands for a label in a row of which only the others know it.
_NO_LABEL = "no key label among "


@dataclass(frozen=True, slots=True)
class TextRow:
    """A row of a file.

    Attributes:
        line: its number.
        texts: one, or two of pairs.
        label: as it stands in the file; None where it has none.
        language: as the file says.
        problem: what is wrong with it.
    """

    line: int
    texts: Sequence[Any] = ()
    label: Any = None
    language: str | None = None
    problem: str | None = None

    @property
    def lacks_label(self) -> bool:
        """Whether all that is wrong is that there is no label."""
        return bool(self.problem) and str(self.problem).startswith(_NO_LABEL)


def text_rows(path: str | os.PathLike[str], pairs: bool, labelled: bool, reading: Reading,
              faults: Faults) -> Iterator[TextRow]:
    """The rows of a file, whatever its layout.

    Args:
        path: the file, or parallel files.
        pairs: whether each row has two texts.
        labelled: whether it has a label.
        reading: may name the columns.
        faults: receives what is no row at all.

    Raises:
        DataError: see `open_lines`; a column that is needed is not there.
    """
    if isinstance(path, Parallel):
        for number, text, label in path.lines():
            yield TextRow(number, text.split("\t") if pairs else [text], label)
    elif is_parquet(path) or is_json(path):
        records = parquet_records(path) if is_parquet(path) else json_records(path, faults)
        for number, record in records:
            yield _of_record(number, record, pairs, labelled, reading, os.fspath(path))
    elif is_csv(path, (*_TEXT_NAMES, *_LABEL_NAMES)):
        yield from _of_table(csv_rows(path, delimiter_of(path)), pairs, labelled, reading, os.fspath(path))
    elif next((line for line in peeked(path) if line.strip()), "").startswith(_MARK):
        yield from _marked(path)
    elif labelled or stem_and_suffix(path)[1] == ".tsv":
        yield from _of_table(tsv_rows(path), pairs, labelled, reading, os.fspath(path))
    else:
        yield from _plain(path, pairs)


def expected(pairs: bool, labelled: bool) -> str:
    """What a line holds, for messages."""
    columns = ["text"] * (1 + pairs) + ["label"] * labelled
    return f"`{'<TAB>'.join(columns)}` lines"


def has_header(path: str | os.PathLike[str]) -> bool:
    """Whether the first row of a TSV file names the column of the text."""
    first = next((line for line in peeked(path) if line.strip()), "")
    return _is_header([name.strip().lower() for name in first.split("\t")])


def _marked(path: str | os.PathLike[str]) -> Iterator[TextRow]:
    """fastText's lines: labels with a mark before each, then the text."""
    for number, line in plain_lines(path, MAX_LINE_CHARS):
        words = line.split(" ")
        labels = list(itertools.takewhile(lambda word: word.startswith(_MARK), words))
        problem = None if labels else f"no {_MARK} at the beginning, expected one as in the first line"
        yield TextRow(number, [" ".join(words[len(labels):])], ",".join(label[len(_MARK):] for label in labels),
                      problem=problem)


def _plain(path: str | os.PathLike[str], pairs: bool) -> Iterator[TextRow]:
    for number, line in plain_lines(path, MAX_LINE_CHARS):
        columns = line.split("\t") if pairs else [line]
        if pairs and len(columns) not in (2, 3):  # a third one is a label, which the original accepts here too
            yield TextRow(number, problem=f"{len(columns) - 1} tabs, expected {expected(pairs, False)}")
        else:
            yield TextRow(number, columns[:1 + pairs])


def _of_table(rows: Iterator[tuple[int, list[str]]], pairs: bool, labelled: bool, reading: Reading,
              path: str) -> Iterator[TextRow]:
    first = next(rows, None)
    if first is None:
        return
    names = [name.strip().lower() for name in first[1]]
    if not labelled:  # the labelled files have these columns; other text may have others
        given = {name.strip().lower() for name in reading.text_column.split(",")}
        reading = reading if given <= set(names) else BY_CONTENT
    places = _places(names, pairs, labelled, reading, path)
    width = 1 + pairs + labelled
    if places is None or (reading.text_column + reading.label_column and not _is_named(names, reading)):
        rows = _with(first, rows)
    elif places != (list(range(1 + pairs)), 1 + pairs if labelled else None) or len(names) != width:
        named = [first[1][place] for place in (*places[0], *([places[1]] if places[1] is not None else []))]
        say_once(path, f"the first row names the columns; read are {', '.join(named)}")
    language = next((place for place, name in enumerate(names) if name in LANGUAGE_KEYS), None) if places else None
    wanted = (len(names),) if places else (width,) if labelled else (width, width + 1)
    texts, label = places or (list(range(1 + pairs)), -1 if labelled else None)
    for number, cells in rows:
        if places and len(cells) > len(names) and not any(cell.strip() for cell in cells[len(names):]):
            cells = cells[:len(names)]
        if len(cells) not in wanted:
            yield TextRow(number, problem=_columns_problem(cells, wanted, pairs, labelled, bool(places)))
        else:
            yield TextRow(number, [cells[place] for place in texts], None if label is None else cells[label],
                          (cells[language].strip() or None) if language is not None else None)


def _columns_problem(cells: Sequence[str], wanted: Sequence[int], pairs: bool, labelled: bool, named: bool) -> str:
    found = counted(len(cells), "column")
    if named:
        return f"{found}, expected {wanted[0]} as in the first row"
    more = ""
    if labelled and len(cells) > wanted[0]:
        more = f"; {'' if pairs else 'for pairs of texts give `do_pairwise`, '}for other columns `text_column` and " \
               "`label_column`"
    return f"{found}, expected {expected(pairs, labelled)}{more}"


def _with(first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _is_named(names: Sequence[str], reading: Reading) -> bool:
    """Whether a setting names a column by what the first row says."""
    given = [*reading.text_column.split(","), reading.label_column]
    return any(name.strip().lower() in names for name in given if name.strip()) or _is_header(names)


def _is_header(names: Sequence[str]) -> bool:
    return bool(set(names) & set(_TEXT_NAMES)) and all(map(_NAME.fullmatch, names)) and len(set(names)) == len(names)


def _places(names: list[str], pairs: bool, labelled: bool, reading: Reading,
            path: str) -> tuple[list[int], int | None] | None:
    """(columns of the texts, column of the label) by the names in the first row or by settings; None without both."""
    given = reading.text_column or (labelled and reading.label_column)
    if not given and not _is_header(names):
        return None
    texts = [column_index(name, len(names), names, "text_column", path)
             for name in reading.text_column.split(",") if name.strip()]
    label = column_index(reading.label_column, len(names), names, "label_column", path) \
        if labelled and reading.label_column else None
    if not texts:
        texts = _text_places(names, pairs, labelled, label, path) if _is_header(names) else \
            [place for place in range(len(names)) if place != label][:1 + pairs]
    if len(texts) != 1 + pairs:
        raise DataError(f"{path}: {counted(len(texts), 'column')} of texts in the first row ({', '.join(names)}), "
                        f"expected {1 + pairs}. Name {'both' if pairs else 'it'} in `text_column`.")
    if labelled and label is None:
        label = _label_place(names, texts, path)
    return texts, label


def text_in(record: Mapping[str, Any], reading: Reading) -> str | None:
    """The text of a record, None where it has none under a known name."""
    lowered = {key.lower(): key for key in reversed(list(record)) if isinstance(key, str)}
    names = [reading.text_column, *(lowered[key] for key in _TEXT_NAMES if key in lowered)]
    return next((record[name] for name in names if isinstance(record.get(name), str)), None)


def _text_places(names: list[str], pairs: bool, labelled: bool, label: int | None, path: str) -> list[int]:
    found: list[int] = []
    for keys in (_TEXT_NAMES, _PAIR_NAMES)[:1 + pairs]:
        place = next((names.index(key) for key in keys if key in names and names.index(key) not in found), None)
        found += [] if place is None or place == label else [place]
    if labelled and not pairs and found and (partner := _OF_PAIRS.get(names[found[0]])) in names:
        raise _second_text(path, names[found[0]], str(partner))
    return found


def _second_text(path: str, first: str, second: str) -> DataError:
    return DataError(f"{path}: has two texts, {first} and {second}, of which only one would be read. For pairs give "
                     f"`do_pairwise`; for one of them `text_column={first}`.")


def _label_place(names: list[str], texts: Sequence[int], path: str) -> int:
    found = next((names.index(name) for name in _LABEL_NAMES if name in names), None)
    others = [place for place in range(len(names)) if place not in texts]
    if found is None and len(others) != 1:
        raise DataError(f"{path}: the first row names no column of labels among {', '.join(names)}. Expected one such "
                        "as label; name it in `label_column`.")
    return others[0] if found is None else found


def _of_record(number: int, record: Mapping[str, Any], pairs: bool, labelled: bool, reading: Reading,
               path: str) -> TextRow:
    lowered = {key.lower(): key for key in reversed(list(record)) if isinstance(key, str)}
    texts = [name.strip() for name in reading.text_column.split(",") if name.strip()]
    if not labelled and any(key not in record for key in texts):
        texts = []  # the labelled files have these keys; other text may have others
    for keys in () if texts else (_TEXT_NAMES, _PAIR_NAMES)[:1 + pairs]:
        key = next((lowered[key] for key in keys if key in lowered and lowered[key] not in texts), None)
        if key is None:
            hint = "; for tags of words give `do_NER`" if {"tokens", "words"} & set(lowered) else ""
            return TextRow(number, problem=f"no key {' or '.join(keys[:3])} among {quoted(', '.join(record))}{hint}")
        texts.append(key)
    if any(key not in record for key in texts):
        return TextRow(number, problem=f"no key {' or '.join(texts)} among {quoted(', '.join(record))}")
    partner = lowered.get(_OF_PAIRS.get(texts[0].lower(), ""), "")
    if labelled and not pairs and not reading.text_column and record.get(partner) is not None:
        raise _second_text(path, texts[0], partner)
    names = [reading.label_column] if reading.label_column else [
        lowered[key] for key in _LABEL_NAMES if key in lowered and lowered[key] not in texts]
    label = next((record[key] for key in names if key in record), None)
    values = [record[key] for key in texts]
    if labelled and label is None:
        return TextRow(number, values, problem=f"{_NO_LABEL}{quoted(', '.join(record))}")
    language = next((record[key] for key in LANGUAGE_KEYS if key in record), None)
    if language is not None and not (isinstance(language, str) and language.strip()
                                     and not encoding_problem(language)):
        return TextRow(number, problem=f"language {quoted(language)}, expected a code such as \"de\", or no such key")
    return TextRow(number, values, label, language)
