"""Labelled texts and pairs of texts: TSV and JSON lines."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.files import (
    COMPRESSED,
    Faults,
    counted,
    encoding_problem,
    open_lines,
    quoted,
    stem_and_suffix,
)
from xtremedistil_tf.errors import DataError

FORMATS = (".tsv", ".jsonl")
# Of `question` and `sentence` (QNLI) the question comes first.
TEXT_KEYS = ("text", "question", "sentence", "sentence1", "premise", "question1", "text_a")
PAIR_KEYS = ("text_pair", "sentence2", "sentence", "hypothesis", "question2", "pair", "text_b")
_LABEL_KEYS = ("label", "score", "labels")
# Several tags where a class should stand: a tagging task that is read as classification.
_TAGS = re.compile(r"(?:O|[BI]-\S+)(?: (?:O|[BI]-\S+))+")


Resolve = Callable[[Any], "tuple[Any, str | None]"]
_Parsed = tuple[Sequence[str], Any, "str | None", "str | None"]


class LabelRules:
    """Turns what stands in a label column into a label.

    Args:
        labels: names of the classes, whose indices may stand for them; None: any text is a label.
        regression: labels are finite numbers instead.
    """

    def __init__(self, labels: Sequence[str] | None, regression: bool = False):
        self._labels, self._known, self._regression = labels, set(labels or ()), regression

    def resolve(self, value: Any) -> tuple[str | float | None, str | None]:
        """(label, None), or (None, what is wrong)."""
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return None, f"label {quoted(value)}, expected a text or a number"
        return self._number(value) if self._regression else self._name(str(value).strip())

    def _number(self, value: Any) -> tuple[float | None, str | None]:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            return None, f"score {quoted(value)}, expected a finite number such as 3.8"
        return number, None

    def _name(self, value: str) -> tuple[str | None, str | None]:
        if not value:
            return None, "empty label, expected the name of a class"
        if problem := encoding_problem(value):
            return None, f"label: {problem}"
        if re.search(r"[\t\r\n]", value):  # JSON can spell it; labels.tsv and files of predictions cannot hold it
            return None, f"label {quoted(value)} holds a tab or a line break, expected a name on one line"
        if _TAGS.fullmatch(value):
            return None, f"tags {quoted(value)}, expected the name of one class; with tags use `task_kind=tagging`"
        if self._labels is None or value in self._known:
            return value, None
        if re.fullmatch("[0-9]{1,6}", value) and int(value) < len(self._labels):
            return self._labels[int(value)], None
        names = ", ".join(self._labels[:12]) + (" ..." if len(self._labels) > 12 else "")
        return None, f"unknown label {quoted(value)}, expected one of {names}, or an index below {len(self._labels)}"


def read_classified(path: str | os.PathLike[str], pairs: bool = False, labels: Sequence[str] | None = None,
                    language: str | None = None, regression: bool = False,
                    resolve: Resolve | None = None) -> list[TextExample]:
    """Reads labelled texts from `.tsv` or `.jsonl`, also compressed.

    TSV: `text<TAB>label`, or `text<TAB>text<TAB>label` for pairs; a quotation mark is a character like any
    other. JSON lines: one object a line, with the first text under `text`, `sentence`, `sentence1`, `premise`,
    `question1`, `question` or `text_a`, the second under `text_pair`, `sentence2`, `sentence` (beside `question`),
    `hypothesis`, `question2`, `pair` or `text_b`, the label under `label`, `score` or `labels`, and perhaps `language`.

    Args:
        path: the file.
        pairs: whether each example is a pair.
        labels: names of the classes, whose indices may stand for them; None: any text is a label.
        language: of all examples; None: from the file.
        regression: labels are finite numbers.
        resolve: what stands in a label column -> (label, None), or (None, what is wrong); None: see `LabelRules`.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error for the whole file that
            names the first ten places and the number of faults.
    """
    rules, faults = LabelRules(labels, regression), Faults(path)
    examples = list(_read(path, pairs, faults, language, resolve or rules.resolve))
    faults.raise_if_any()
    if not examples:
        raise DataError(f"{path}: empty, expected {expected(pairs, True)}.")
    return examples


def read_texts(path: str | os.PathLike[str], pairs: bool = False, language: str | None = None) -> Iterator[TextExample]:
    """Streams texts or pairs without their labels, which a TSV file may also lack.

    Plain text files are one text a line, and of pairs `text<TAB>text`.

    Raises:
        DataError: as `read_classified`; faulty lines at the end of the file.
    """
    faults, found = Faults(path), False
    for example in _read(path, pairs, faults, language, None):
        found = True
        yield example
    faults.raise_if_any()
    if not found:
        raise DataError(f"{path}: empty, expected {expected(pairs, False)}.")


def expected(pairs: bool, labelled: bool) -> str:
    """What a line holds, for messages."""
    columns = ["text"] * (1 + pairs) + ["label"] * labelled
    return f"`{'<TAB>'.join(columns)}` lines"


def _read(path: str | os.PathLike[str], pairs: bool, faults: Faults, language: str | None,
          resolve: Resolve | None) -> Iterator[TextExample]:
    """Examples of good lines; without `resolve`, labels are not looked at."""
    suffix = stem_and_suffix(path)[1]
    if suffix not in FORMATS and resolve:
        raise DataError(f"{path}: unknown kind of file, expected a name ending in {' or '.join(FORMATS)}, or one of "
                        f"these followed by {' or '.join(COMPRESSED)}.")
    parse = {".tsv": _tsv, ".jsonl": _json}.get(suffix, _plain)
    for number, line in open_lines(path):
        if not line.strip():
            continue
        texts, label, own_language, problem = parse(line, pairs, resolve is not None)
        problem = problem or _text_problem(texts)
        if not problem and resolve:
            label, problem = resolve(label)
        if problem:
            faults.add(number, problem)
            continue
        yield TextExample(texts[0], texts[1] if pairs else None, label if resolve else None,
                          language or own_language, os.fspath(path), number)


def _tsv(line: str, pairs: bool, labelled: bool) -> _Parsed:
    columns = line.split("\t")
    texts = 1 + pairs
    wanted = (texts + 1,) if labelled else (texts, texts + 1)
    if len(columns) not in wanted:
        return (), None, None, f"{counted(len(columns), 'column')}, expected {expected(pairs, labelled)}"
    return columns[:texts], columns[-1], None, None


def _plain(line: str, pairs: bool, labelled: bool) -> _Parsed:
    columns = line.split("\t") if pairs else [line]
    if pairs and len(columns) not in (2, 3):  # a third one is a label, which the original accepts here too
        return (), None, None, f"{len(columns) - 1} tabs, expected {expected(pairs, False)}"
    return columns[:1 + pairs], None, None, None


def _json(line: str, pairs: bool, labelled: bool) -> _Parsed:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return (), None, None, f"not JSON ({error}), expected one object a line"
    if not isinstance(record, dict):
        return (), None, None, f"{quoted(record)}, expected an object such as {{\"text\": \"...\", \"label\": \"...\"}}"
    found = []
    for keys in (TEXT_KEYS, PAIR_KEYS)[:1 + pairs]:
        key = next((key for key in keys if key in record and key not in found), None)
        if key is None:
            return (), None, None, f"no key {' or '.join(keys[:3])} among {quoted(', '.join(record))}"
        found.append(key)
    label = next((record[key] for key in _LABEL_KEYS if key in record), None)
    if labelled and label is None:
        return (), None, None, f"no key label among {quoted(', '.join(record))}"
    language = record.get("language")
    if language is not None and not (isinstance(language, str) and language.strip()
                                     and not encoding_problem(language)):
        return (), None, None, f"language {quoted(language)}, expected a code such as \"de\", or no such key"
    return [record[key] for key in found], label, language, None


def _text_problem(texts: Sequence[Any]) -> str | None:
    for text in texts:
        if not isinstance(text, str):
            return f"text {quoted(text)}, expected a string"
        if not text.strip():
            return "empty text, expected some"
        if problem := encoding_problem(text):
            return problem
    return None
