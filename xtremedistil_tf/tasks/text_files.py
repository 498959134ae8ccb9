"""Texts and pairs of texts in files and in data sets of the hub: what the kinds share that answer whole texts."""

from __future__ import annotations

import functools
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.classified import FORMATS, read_texts
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.faults import Faults, quoted
from xtremedistil_tf.corpus.hub import HubRows, all_unlabeled, text_columns
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.labels import read_class_names
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.records import Record, is_column
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import DataError

#: Columns of a data set of the hub that may hold a text's label.
LABEL_COLUMNS = ("label", "labels", "score", "coarse_label", "intent")


def text_kind(pairs: bool, read: Callable[..., list[TextExample]], read_labels: Callable[..., list[str] | None],
              infer_labels: Callable[..., list[str]]) -> Kind:
    """How labelled texts are kept in files; see `Kind`."""
    return Kind(FORMATS, read, functools.partial(_texts, pairs=pairs), read_labels, infer_labels,
                functools.partial(_record, pairs=pairs), _ROW_FORMS)


_ROW_FORMS = ("(text, label), of pairs (text, pair, label), or a mapping with text and label",
              "a text, of pairs (text, pair), or a mapping with text")


def _record(row: Any, labelled: bool, pairs: bool) -> Record | None:
    if isinstance(row, TextExample):
        return {"text": row.text, "text_pair": row.pair, "label": row.label, "language": row.language}
    if isinstance(row, Mapping):
        return {key: value for key, value in row.items() if isinstance(key, str)}
    row = (row,) if isinstance(row, str) else row
    if not is_column(row) or len(row) != 1 + pairs + labelled:
        return None
    return dict(zip(["text", *(["text_pair"] if pairs else []), "label"], row))


def _texts(path: str, pairs: bool) -> Iterator[TextExample]:
    for file in text_files(path):
        yield from read_texts(file, pairs, file_language(file))


def text_rows(data: Any, label: str, pairs: bool, name: str, value: Callable[[Any], Any],
              labels: Callable[[Mapping[str, Sequence[TextExample]]], list[str]],
              columns: Sequence[str] = LABEL_COLUMNS) -> HubRows:
    """How rows of a data set of the hub become labelled texts.

    Args:
        data: a split of the data set.
        label: the column of the label.
        pairs: whether examples are pairs of texts.
        name: of the data set, for messages.
        value: value of the label's column -> label; None: the row is not labelled.
        labels: examples by split -> labels of the task.
        columns: all columns that may hold a label.
    """
    texts = text_columns(data, label, pairs, name)

    def read(row: dict[str, Any], source: str, number: int) -> TextExample | None:
        found = value(row[label])
        parts = [row[column] for column in texts]
        if found is None or not all(isinstance(part, str) and part.strip() for part in parts):
            return None
        return TextExample(parts[0], parts[1] if pairs else None, found, None, source, number)

    return HubRows(labels, read, lambda test: all_unlabeled(test, columns))


def united_labels(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    """The labels of label files, None without any. Raises DataError where two files differ."""
    lists = {os.fspath(file): read_class_names(file) for file in files}
    first = next(iter(lists), "")
    for file, names in lists.items():
        # An index must mean the same class in every language.
        if names != lists[first]:
            raise DataError(f"{file}: other classes, or another order, than in {first}. Expected the same in all "
                            "label files; keep one labels.tsv, in the task folder.")
    return lists[first] if lists else None


def inferred_labels(splits: Mapping[str, Sequence[TextExample]],
                    labels_of: Callable[[TextExample], Iterable[Any]] = lambda example: (example.label,)) -> list[str]:
    """The classes of the training examples: numbers in their order, before names in theirs.

    Args:
        splits: examples by split.
        labels_of: the labels of an example.

    Raises:
        DataError: there is one class only, or another split has a class that training has not.
    """
    found: set[Any] = {label for example in splits["train"] for label in labels_of(example)}
    classes = sorted(found, key=lambda label: (not _is_number(label), int(label) if _is_number(label) else 0, label))
    if len(classes) < 2:
        source = splits["train"][0].source
        raise DataError(f"{source}: only the class {', '.join(map(quoted, classes))}, expected at least two. "
                        "Add examples of other classes, or name all classes in labels.tsv.")
    faults: dict[str, Faults] = {}
    for example in itertools.chain(*splits.values()):
        for label in labels_of(example):
            if label not in found:
                faults.setdefault(example.source, Faults(example.source)).add(
                    example.line, f"class {quoted(label)} does not occur in the training examples")
    for of_source in faults.values():
        of_source.raise_if_any()
    return classes


def _is_number(label: str) -> bool:
    return re.fullmatch("-?[0-9]{1,9}", label) is not None
