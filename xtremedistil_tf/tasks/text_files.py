"""Texts and pairs of texts in files and in data sets of the hub: what the kinds share that answer whole texts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.classified import FORMATS, read_texts
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.hub import HubRows, all_unlabeled, text_columns
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.text import text_files

#: Columns of a data set of the hub that may hold a text's label.
LABEL_COLUMNS = ("label", "labels", "score", "coarse_label", "intent")


def text_kind(pairs: bool, read: Callable[..., list[TextExample]], read_labels: Callable[..., list[str] | None],
              infer_labels: Callable[..., list[str]]) -> Kind:
    """How labelled texts are kept in files; see `Kind`."""
    return Kind(FORMATS, read, functools.partial(_texts, pairs=pairs), read_labels, infer_labels)


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
