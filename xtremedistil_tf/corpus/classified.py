"""Labelled texts and pairs of texts from any file: see `text_columns` for layouts; and what is a label."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from xtremedistil_tf.corpus.encodings import say_once
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.files import Faults, counted, encoding_problem, quoted
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading, UnlabelledError
from xtremedistil_tf.corpus.tag_schemes import OUTSIDE, is_lettered
from xtremedistil_tf.corpus.text_columns import TextRow, expected, text_rows
from xtremedistil_tf.errors import DataError

FORMATS = (".tsv", ".jsonl")
OTHER_FORMATS = (".csv", ".json", ".parquet", ".ndjson", ".txt")
# Several tags where a class should stand: a tagging task that is read as classification.
_TAGS = re.compile(r"(?:O|[BI]-\S+)(?: (?:O|[BI]-\S+))+")
#: How data sets write that they do not tell a label.
_HIDDEN = "-1"
_WITH_POINT = re.compile(r"-?[0-9]{1,9}\.0+")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
#: A header is only suspected in a file of so many lines.
_FEWEST_LINES = 10


Resolve = Callable[[Any], "tuple[Any, str | None]"]


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
                    language: str | None = None, regression: bool = False, resolve: Resolve | None = None,
                    reading: Reading = BY_CONTENT) -> list[TextExample]:
    """Reads labelled texts from a file, also compressed; docs/data.md has the layouts.

    Without a header: `text<TAB>label`, or `text<TAB>text<TAB>label` for pairs; a quotation mark is a character like any
    other. With a header, and in JSON lines, JSON arrays, CSV and Parquet: the first text under `text`, `sentence`,
    `sentence1`, `premise`, `question1`, `question` or `text_a`, the second under `text_pair`, `sentence2`, `sentence`
    (beside `question`), `hypothesis`, `question2`, `pair` or `text_b`, the label under `label`, `score` or `labels`,
    and perhaps `language`.

    Args:
        path: the file.
        pairs: whether each example is a pair.
        labels: names of the classes, whose indices may stand for them; None: any text is a label.
        language: of all examples; None: from the file.
        regression: labels are finite numbers.
        resolve: what stands in a label column -> (label, None), or (None, what is wrong); None: see `LabelRules`.
        reading: columns, where they are known.

    Raises:
        DataError: the file cannot be read or is empty, or lines are faulty: one error for the whole file that
            names the first ten places and the number of faults.
        UnlabelledError: there is not one label.
    """
    rules, faults = LabelRules(labels, regression), Faults(path)
    rows = list(text_rows(path, pairs, True, reading, faults))
    if rows and all(row.lacks_label for row in rows):
        raise UnlabelledError(f"{os.fspath(path)}:{rows[0].line}: {rows[0].problem}; nor has any of the "
                              f"{counted(len(rows), 'text')} a label.")
    if _are_hidden(rows, labels):
        raise UnlabelledError(f"{os.fspath(path)}: all {len(rows)} labels are -1, which stands for no label.")
    if not resolve:
        rows = _tidy(rows, path, labels, regression)
    examples = list(_examples(rows, path, pairs, faults, language, resolve or rules.resolve))
    faults.raise_if_any()
    if not examples:
        raise DataError(f"{path}: empty, expected {expected(pairs, True)}.")
    if labels is None and not regression and not resolve:
        _check_classes(path, examples)
    return examples


def _are_hidden(rows: Sequence[TextRow], labels: Sequence[str] | None) -> bool:
    return len(rows) > 1 and _HIDDEN not in (labels or ()) and all(str(row.label).strip() == _HIDDEN for row in rows)


def _tidy(rows: list[TextRow], path: str | os.PathLike[str], labels: Sequence[str] | None,
          regression: bool) -> list[TextRow]:
    """Rows whose labels mean the same with the same spelling; says what was mended."""
    found = [str(row.label).strip() for row in rows]
    if regression:
        numbers = [_is_number(text) for text in found]
        if len(rows) > 1 and not numbers[0] and all(numbers[1:]) and not rows[0].problem and _NAME.fullmatch(found[0]):
            say_once(os.fspath(path), f"the first row is a header ({found[0]}); it is skipped")
            rows = rows[1:]
        return rows
    if any(map(_WITH_POINT.fullmatch, found)) and all(
            _WITH_POINT.fullmatch(text) or _WHOLE.fullmatch(text) for text in found):
        count = sum(bool(_WITH_POINT.fullmatch(text)) for text in found)
        say_once(os.fspath(path), f"{counted(count, 'label')} such as {found[0]} are whole numbers and read as such")
        rows = [replace(row, label=text.split(".")[0]) for row, text in zip(rows, found)]
    if labels is not None and _HIDDEN not in labels and _HIDDEN in found:
        say_once(os.fspath(path), f"{counted(found.count(_HIDDEN), 'text')} with the label -1, which stands for no "
                                  "label, are skipped")
        rows = [row for row, text in zip(rows, found) if text != _HIDDEN]
    return rows


_NAME = re.compile(r"[A-Za-z_][\w .-]{0,40}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _check_classes(path: str | os.PathLike[str], examples: Sequence[TextExample]) -> None:
    """Refuses classes that are tags, and a first line that is a header."""
    counts = Counter(str(example.label) for example in examples)
    first = str(examples[0].label)
    if counts[OUTSIDE] and len(counts) > 1 and all(map(is_lettered, counts)):
        raise DataError(f"{path}: the classes are tags of words ({', '.join(sorted(counts)[:4])}). Give `do_NER`; to "
                        "classify words by them name them in labels.tsv.")
    others = [count for label, count in counts.items() if label != first]
    if (len(examples) >= _FEWEST_LINES and counts[first] == 1 and len(others) > 1 and min(others) > 1
            and _NAME.fullmatch(first) and _NAME.fullmatch(examples[0].text.strip())):
        raise DataError(f"{path}:{examples[0].line}: {quoted(examples[0].text)} and {quoted(first)} look like names "
                        f"of columns, as no other line has the class {quoted(first)}. If they are, give `text_column` "
                        "and `label_column`; if not, name the classes in labels.tsv.")


def read_texts(path: str | os.PathLike[str], pairs: bool = False, language: str | None = None,
               reading: Reading = BY_CONTENT) -> Iterator[TextExample]:
    """Streams texts or pairs without their labels, which a file may also lack.

    Plain text files are one text a line, and of pairs `text<TAB>text`.

    Raises:
        DataError: as `read_classified`; faulty lines at the end of the file.
    """
    faults, found = Faults(path), False
    for example in _examples(text_rows(path, pairs, False, reading, faults), path, pairs, faults, language, None):
        found = True
        yield example
    faults.raise_if_any()
    if not found:
        raise DataError(f"{path}: empty, expected {expected(pairs, False)}.")


def _examples(rows: Iterable[TextRow], path: str | os.PathLike[str], pairs: bool, faults: Faults, language: str | None,
              resolve: Resolve | None) -> Iterator[TextExample]:
    """Examples of good rows; without `resolve`, labels are not looked at."""
    for row in rows:
        label, problem = row.label, row.problem or _text_problem(row.texts)
        if not problem and resolve:
            label, problem = resolve(label)
        if problem:
            faults.add(row.line, problem)
            continue
        yield TextExample(row.texts[0], row.texts[1] if pairs else None, label if resolve else None,
                          language or row.language, os.fspath(path), row.line)


def _text_problem(texts: Sequence[Any]) -> str | None:
    for text in texts:
        if not isinstance(text, str):
            return f"text {quoted(text)}, expected a string"
        if not text.strip():
            return "empty text, expected some"
        if problem := encoding_problem(text):
            return problem
    return None
