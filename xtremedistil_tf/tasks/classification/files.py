"""Texts and their classes in files and in data sets of the hub."""

from __future__ import annotations

from typing import Any

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.hub import UNLABELED, HubRows, column_of
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.text_files import LABEL_COLUMNS, inferred_labels, text_kind, text_rows, united_labels


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language: read_classified(path, pairs, labels, language),
                     united_labels, inferred_labels)


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`."""
    label = column_of(data, LABEL_COLUMNS, name)
    names = getattr(data.features[label], "names", None)
    if getattr(data.features[label], "dtype", "").startswith("float"):
        raise DataError(f"hf:{name}: column {label} holds numbers with a fraction, expected classes. For scores use "
                        "`task_kind=regression`.")

    def value(found: Any) -> str | None:
        if found is None or found == UNLABELED:
            return None
        return names[found] if names else str(found)

    return text_rows(data, label, pairs, name, value, (lambda splits: list(names)) if names else inferred_labels)
