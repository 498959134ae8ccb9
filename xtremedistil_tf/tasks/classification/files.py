"""Texts and their classes in files and in data sets of the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.corpus.faults import Faults, quoted
from xtremedistil_tf.corpus.hub import UNLABELED, HubRows, column_of
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.labels import read_class_names
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.text_files import LABEL_COLUMNS, text_kind, text_rows


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language: read_classified(path, pairs, labels, language),
                     _united_classes, _inferred_classes)


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`."""
    label = column_of(data, LABEL_COLUMNS, name)
    names = getattr(data.features[label], "names", None)
    if getattr(data.features[label], "dtype", "").startswith("float"):
        raise DataError(f"hf:{name}: column {label} holds numbers with a fraction, expected classes. For scores use "
                        "--task_kind=regression.")

    def value(found: Any) -> str | None:
        if found is None or found == UNLABELED:
            return None
        return names[found] if names else str(found)

    return text_rows(data, label, pairs, name, value, (lambda splits: list(names)) if names else _inferred_classes)


def _united_classes(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    lists = {os.fspath(file): read_class_names(file) for file in files}
    first = next(iter(lists), "")
    for file, names in lists.items():
        # An index must mean the same class in every language.
        if names != lists[first]:
            raise DataError(f"{file}: other classes, or another order, than in {first}. Expected the same in all "
                            "label files; keep one labels.tsv, in the task folder.")
    return lists[first] if lists else None


def _inferred_classes(splits: Mapping[str, Sequence[TextExample]]) -> list[str]:
    """The classes of the training examples: numbers in their order, before names in theirs.

    Raises:
        DataError: there is one class only, or another split has a class that training has not.
    """
    found: set[Any] = {example.label for example in splits["train"]}
    classes = sorted(found, key=lambda label: (not _is_number(label), int(label) if _is_number(label) else 0, label))
    if len(classes) < 2:
        source = splits["train"][0].source
        raise DataError(f"{source}: only the class {', '.join(map(quoted, classes))}, expected at least two. "
                        "Add examples of other classes, or name all classes in labels.tsv.")
    faults: dict[str, Faults] = {}
    for example in (e for examples in splits.values() for e in examples if e.label not in found):
        faults.setdefault(example.source, Faults(example.source)).add(
            example.line, f"class {quoted(example.label)} does not occur in the training examples")
    for of_source in faults.values():
        of_source.raise_if_any()
    return classes


def _is_number(label: str) -> bool:
    return re.fullmatch("-?[0-9]{1,9}", label) is not None
