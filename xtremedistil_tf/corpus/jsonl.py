"""JSON lines: `{"tokens": [...], "tags": [...], "language": "de"}`, one sentence a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.faults import Faults, counts_problem, quoted, words_problem
from xtremedistil_tf.corpus.lines import open_lines

_WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("tags", "labels", "ner_tags")


class _Fault(ValueError):
    """What is wrong with one line."""


def read_jsonl(path: str | os.PathLike[str], faults: Faults, tagged: bool = True) -> Iterator[Example]:
    """Yields the sentences of a JSON lines file, tags as written; blank lines are skipped.

    Tokens stand under `tokens` or `words`, tags under `tags`, `labels` or `ner_tags`; `language` may
    be absent; other keys are ignored.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; they are not yielded.
        tagged: False: tags are not needed and not looked at.

    Raises:
        DataError: see `open_lines`.
    """
    source = os.fspath(path)
    for number, text in open_lines(path):
        if not text.strip():
            continue
        try:
            words, tags, language = _parse(text, tagged)
        except _Fault as fault:
            faults.add(number, str(fault))
            continue
        yield Example(words, tags, language, source, number)


def _parse(text: str, tagged: bool) -> tuple[tuple[str, ...], tuple[str, ...] | None, str | None]:
    record = _load(text)
    words = _strings(record, _WORD_KEYS)
    if not words:
        raise _Fault("no tokens, expected at least one")
    if problem := words_problem(words) or _encoding_problem(words):
        raise _Fault(problem)
    tags = None
    if tagged:
        tags = _strings(record, _TAG_KEYS)
        if problem := counts_problem(words, tags):
            raise _Fault(problem)
    language = record.get("language")
    if language is not None and not (isinstance(language, str) and language.strip()):
        raise _Fault(f"language {quoted(language)}, expected a code such as \"de\", or no such key")
    return words, tags, language


def _load(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise _Fault(f"not JSON: {error.msg} at column {error.colno}, expected one object a line") from None
    except (ValueError, RecursionError) as error:
        raise _Fault(f"not usable JSON: {error}, expected one object a line") from None
    if not isinstance(record, dict):
        raise _Fault(f"{quoted(record)}, expected an object such as "
                     '{"tokens": ["Paris"], "tags": ["B-LOC"]}')
    return record


def _strings(record: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    key = next((key for key in keys if key in record), None)
    if key is None:
        raise _Fault(f"no key {' or '.join(map(repr, keys))} among {quoted(', '.join(record))}")
    values = record[key]
    if not isinstance(values, list):
        raise _Fault(f"{key!r} is {quoted(values)}, expected a list of strings")
    for value in values:
        if not isinstance(value, str):
            hint = " (write label names, not class numbers)" if keys is _TAG_KEYS else ""
            raise _Fault(f"{key!r} holds {quoted(value)}, expected strings only{hint}")
    return tuple(values)


def _encoding_problem(words: tuple[str, ...]) -> str | None:
    # JSON can spell with \u escapes what UTF-8 text cannot hold; tokenizers fail on it much later.
    text = " ".join(words)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"lone surrogate {text[error.start]!r}, expected Unicode text"
    return "NUL character in a token, expected text" if "\0" in text else None
