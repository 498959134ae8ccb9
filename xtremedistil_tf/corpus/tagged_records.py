"""Labelled sentences in records: lists of tokens and tags, or texts with character spans."""

from __future__ import annotations

import ast
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import Faults, counts_problem, encoding_problem, quoted, words_problem
from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.corpus.records import csv_rows, delimiter_of, is_json, is_parquet, json_records, parquet_records
from xtremedistil_tf.corpus.spans import NOT_ACCEPTED, SpanTally, spans_in, split_at_space, tagged_sentences
from xtremedistil_tf.corpus.text_columns import text_in

Record = Mapping[str, Any]
_WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("tags", "labels", "ner_tags", "pos_tags", "upos", "ner", "iob_tags")


class _RecordFault(ValueError):
    """What is wrong with one record."""


def read_records(path: str | os.PathLike[str], faults: Faults, tagged: bool, reading: Reading,
                 labels: Sequence[str] | None = None) -> Iterator[Example]:
    """Yields the sentences of JSON lines, a JSON array, CSV with a header or Parquet, tags as written.

    Tokens stand under `tokens` or `words`, tags under `tags`, `labels`, `ner_tags` or another of `_TAG_KEYS`;
    `language` may be absent; other keys are ignored. Or a text stands under `text` with character spans beside it, see
    `spans_in`; each of its lines is a sentence then.

    Args:
        path: the file.
        faults: receives the records that do not have the layout; they are not yielded.
        tagged: False: tags are not needed and not looked at; instead of words there may be a text under `text`.
        reading: its `split_words` makes words of texts.
        labels: names that class numbers stand for.

    Raises:
        DataError: see `open_lines`.
    """
    tally = SpanTally(path)
    for number, record in records_of(path, faults):
        if record.get("answer") in NOT_ACCEPTED:
            continue
        try:
            found = list(_sentences(record, tagged, reading, labels, tally))
        except _RecordFault as fault:
            faults.add(number, str(fault))
            continue
        for words, tags, language in found:
            yield Example(words, tags, language, os.fspath(path), number)
    tally.say()


def records_of(path: str | os.PathLike[str], faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, record) of a file of records; the first row of CSV names the columns."""
    if is_parquet(path):
        return parquet_records(path)
    if is_json(path):
        return json_records(path, faults)
    rows = csv_rows(path, delimiter_of(path))
    header = [name.strip() for name in next(rows, (0, []))[1]]
    return ((number, dict(zip(header, map(_listed, cells)))) for number, cells in rows)


def _listed(cell: str) -> Any:
    """A list that pandas wrote into a cell, as JSON or as Python spells it."""
    if not (cell.startswith("[") and cell.endswith("]")):
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return cell


def _sentences(record: Record, tagged: bool, reading: Reading, labels: Sequence[str] | None, tally: SpanTally,
               ) -> Iterator[tuple[tuple[str, ...], tuple[str, ...] | None, str | None]]:
    language = _language(record)
    split = reading.split_words or split_at_space
    has_words = any(key in record for key in _WORD_KEYS) and not _is_prodigy(record)
    text = None if has_words or tagged else text_in(record, reading)
    if text is not None:
        words = tuple(word for word, _, _ in split(text))
        yield _checked(words, None), None, language
        return
    spans = None if has_words else spans_in(record)
    if isinstance(spans, str):
        raise _RecordFault(spans)
    if spans:
        text, found = spans
        if problem := encoding_problem(text):
            raise _RecordFault(problem)
        lines = list(tagged_sentences(text, found, split, tally))
        if not lines:
            raise _RecordFault("empty text, expected some")
        for parts, their_tags in lines:
            yield parts, their_tags if tagged else None, language
        return
    words = _strings(record, _WORD_KEYS, None)
    tags = _strings(record, _TAG_KEYS, labels) if tagged else None
    yield _checked(words, tags), tags, language


def _is_prodigy(record: Record) -> bool:
    """Whether tokens are Prodigy's, objects with places, beside which the text stands."""
    tokens = record.get("tokens")
    return isinstance(record.get("text"), str) and isinstance(tokens, list) and all(
        isinstance(token, dict) for token in tokens)


def _checked(words: tuple[str, ...], tags: tuple[str, ...] | None) -> tuple[str, ...]:
    if not words:
        raise _RecordFault("no tokens, expected at least one")
    # Other white space inside a token, such as a no-break space, is parted later.
    bad = [word if not word.split() or any(space in word for space in " \t\r\n") else "x" for word in words]
    problem = words_problem(bad) or encoding_problem(" ".join(words))
    if problem is None and tags is not None:
        problem = counts_problem(words, tags) or encoding_problem(" ".join(tags))
    if problem:
        raise _RecordFault(problem)
    return words


def _language(record: Record) -> str | None:
    language = record.get("language", record.get("lang"))
    if language is not None and not (isinstance(language, str) and language.strip()
                                     and not encoding_problem(language)):
        raise _RecordFault(f"language {quoted(language)}, expected a code such as \"de\", or no such key")
    return language


def _strings(record: Record, keys: tuple[str, ...], labels: Sequence[str] | None) -> tuple[str, ...]:
    key = next((key for key in keys if key in record), None)
    if key is None:
        hint = "; for a text and its class omit `do_NER`" if "text" in record and "label" in record else ""
        raise _RecordFault(f"no key {' or '.join(map(repr, keys[:3]))} among {quoted(', '.join(record))}{hint}")
    values = record[key]
    if not isinstance(values, list):
        raise _RecordFault(f"{key!r} is {quoted(values)}, expected a list of strings")
    if labels and values and all(type(value) is int and 0 <= value < len(labels) for value in values):
        return tuple(labels[value] for value in values)
    for value in itertools.filterfalse(lambda one: isinstance(one, str), values):
        hint = " (write label names, or name the class numbers in labels.tsv)" if keys is _TAG_KEYS else ""
        raise _RecordFault(f"{key!r} holds {quoted(value)}, expected strings only{hint}")
    return tuple(values)
