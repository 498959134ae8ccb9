"""Labelled sentences from any file format, and the formats that keep one sentence a line."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil_tf.corpus.conll import TagRules, read_conll
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.files import (
    COMPRESSED,
    Faults,
    counts_problem,
    encoding_problem,
    open_lines,
    quoted,
    stem_and_suffix,
    words_problem,
)
from xtremedistil_tf.errors import DataError

log = logging.getLogger(__name__)
_WORD_KEYS = ("tokens", "words")
_TAG_KEYS = ("tags", "labels", "ner_tags")


def read_tsv(path: str | os.PathLike[str], faults: Faults, tagged: bool = True) -> Iterator[Example]:
    """Yields the sentences of a TSV file, tags as written; lines of white space only are skipped.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; they are not yielded.
        tagged: False: tags are not needed, and neither their absence nor their number is a fault.

    Raises:
        DataError: see `open_lines`.
    """
    source = os.fspath(path)
    for number, text in open_lines(path):
        columns = text.split("\t")
        words = tuple(columns[0].split())
        tags = tuple(columns[1].split()) if len(columns) == 2 else None
        if tagged:
            if not text.strip():
                continue
            if problem := _tsv_problem(columns, words, tags):
                faults.add(number, problem)
                continue
        if words:
            yield Example(words, tags, None, source, number)


def _tsv_problem(columns: list[str], words: tuple[str, ...], tags: tuple[str, ...] | None) -> str | None:
    if tags is None:
        found = "no tab" if len(columns) == 1 else f"{len(columns) - 1} tabs"
        return f"{found}, expected tokens, one tab, tags"
    problem = counts_problem(words, tags)
    if problem and len(columns[0].split(" ")) == len(tags):
        # Looks right on the screen: say why it is not.
        special = next((c for c in columns[0] if c.isspace() and c != " "), None)
        if special:
            problem += f" (U+{ord(special):04X} inside a token is white space too)"
    return problem


class _JsonFault(ValueError):
    """What is wrong with one line."""


def read_jsonl(path: str | os.PathLike[str], faults: Faults, tagged: bool = True,
               split: Callable[[str], Sequence[str]] = str.split) -> Iterator[Example]:
    """Yields the sentences of a JSON lines file, tags as written; blank lines are skipped.

    Tokens stand under `tokens` or `words`, tags under `tags`, `labels` or `ner_tags`; `language` may
    be absent; other keys are ignored.

    Args:
        path: the file.
        faults: receives the lines that do not have the layout; they are not yielded.
        tagged: False: tags are not needed and not looked at; instead of words there may be a text under `text`.
        split: makes words of such a text.

    Raises:
        DataError: see `open_lines`.
    """
    source = os.fspath(path)
    for number, text in open_lines(path):
        if not text.strip():
            continue
        try:
            words, tags, language = _parse_json(text, tagged, split)
        except _JsonFault as fault:
            faults.add(number, str(fault))
            continue
        yield Example(words, tags, language, source, number)


def _parse_json(text: str, tagged: bool, split: Callable[[str], Sequence[str]],
                ) -> tuple[tuple[str, ...], tuple[str, ...] | None, str | None]:
    record = _load_json(text)
    is_text = not tagged and isinstance(record.get("text"), str) and not any(key in record for key in _WORD_KEYS)
    words = tuple(split(record["text"])) if is_text else _strings(record, _WORD_KEYS)
    if not words:
        raise _JsonFault("no tokens, expected at least one")
    if problem := words_problem(words) or encoding_problem(" ".join(words)):
        raise _JsonFault(problem)
    tags = None
    if tagged:
        tags = _strings(record, _TAG_KEYS)
        if problem := counts_problem(words, tags) or encoding_problem(" ".join(tags)):
            raise _JsonFault(problem)
    language = record.get("language")
    if language is not None and not (isinstance(language, str) and language.strip()
                                     and not encoding_problem(language)):
        raise _JsonFault(f"language {quoted(language)}, expected a code such as \"de\", or no such key")
    return words, tags, language


def _load_json(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except json.JSONDecodeError as error:
        raise _JsonFault(f"not JSON: {error.msg} at column {error.colno}, expected one object a line") from None
    except (ValueError, RecursionError) as error:
        raise _JsonFault(f"not usable JSON: {error}, expected one object a line") from None
    if not isinstance(record, dict):
        raise _JsonFault(f"{quoted(record)}, expected an object such as "
                         '{"tokens": ["Paris"], "tags": ["B-LOC"]}')
    return record


def _strings(record: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, ...]:
    key = next((key for key in keys if key in record), None)
    if key is None:
        raise _JsonFault(f"no key {' or '.join(map(repr, keys))} among {quoted(', '.join(record))}")
    values = record[key]
    if not isinstance(values, list):
        raise _JsonFault(f"{key!r} is {quoted(values)}, expected a list of strings")
    for value in values:
        if not isinstance(value, str):
            hint = " (write label names, not class numbers)" if keys is _TAG_KEYS else ""
            raise _JsonFault(f"{key!r} holds {quoted(value)}, expected strings only{hint}")
    return tuple(values)




@dataclass(frozen=True)
class Format:
    """A file format for tagged sentences.

    Attributes:
        read: (path, faults, tagged) -> sentences, tags as written.
        expected: what a file holds, for messages.
        line_per_token: whether each token has a line of its own.
    """

    read: Callable[[str | os.PathLike[str], Faults, bool], Iterator[Example]]
    expected: str
    line_per_token: bool = False


FORMATS = {
    ".tsv": Format(read_tsv, "`tokens<TAB>tags` lines"),
    ".conll": Format(read_conll, "one `token tag` a line and a blank line after each sentence", True),
    ".jsonl": Format(read_jsonl, 'lines such as {"tokens": ["Paris"], "tags": ["B-LOC"]}'),
}


def read_tagged(path: str | os.PathLike[str], labels: Sequence[str] | None = None,
                language: str | None = None) -> list[Example]:
    """Reads a labelled `.tsv`, `.conll` or `.jsonl` file, also compressed (`.gz`, `.xz`).

    Args:
        path: the file.
        labels: the labels that may occur; None: any tag of the shape `O`, `B-type`, `I-type`.
        language: language of all sentences; None: from the file (a prefix such as `de:` on all tags
            of a sentence, or on all tokens of a CoNLL file; the key `language` of JSON lines). The
            prefix is taken off in any case.

    Returns:
        The sentences in the order of the file, each with tags.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error for the whole
            file that names the first ten places and the number of faults.
    """
    layout = FORMATS.get(stem_and_suffix(path)[1])
    if layout is None:
        raise DataError(f"{path}: unknown kind of file, expected a name ending in {', '.join(FORMATS)}, "
                        f"or one of these followed by {' or '.join(COMPRESSED)}.")
    faults, rules, examples = Faults(path), TagRules(labels), []
    if layout is FORMATS[".tsv"] and _has_a_line_per_token(path):
        log.warning("%s: has one token and tag per line and blank lines; it is read in the CoNLL format", path)
        layout = FORMATS[".conll"]
    for example in layout.read(path, faults, True):
        prefix, tags, problems = rules.resolve(example.tags or ())
        for index, problem in problems if layout.line_per_token else problems[:1]:
            faults.add(example.line + (index if layout.line_per_token else 0), problem)
        examples.append(Example(example.words, tags, language or example.language or prefix,
                                example.source, example.line))
    faults.raise_if_any()
    if not examples:
        raise DataError(f"{path}: empty, expected {layout.expected}.")
    return examples


def _has_a_line_per_token(path: str | os.PathLike[str]) -> bool:
    """Whether a TSV file holds nothing but sentences of one token, with blank lines where sentences really end."""
    faults, before, gaps = Faults(path), 0, False
    for example in read_tsv(path, faults, True):
        if len(example.words) > 1 or faults.count:
            return False
        gaps |= example.line - before > 1
        before = example.line
    return gaps and not faults.count
