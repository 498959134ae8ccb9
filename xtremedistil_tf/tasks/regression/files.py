"""Texts and their numbers in files and in data sets of the hub."""

from __future__ import annotations

import math
from typing import Any

from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.hub import HubRows, column_of
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.text_files import LABEL_COLUMNS, text_kind, text_rows


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return text_kind(pairs, lambda path, labels, language: read_classified(path, pairs, None, language, True),
                     lambda files: ["score"], lambda splits: ["score"])


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """See `Task.hub_rows`."""
    label = column_of(data, LABEL_COLUMNS, name)
    if names := getattr(data.features[label], "names", None):
        raise DataError(f"hf:{name}: column {label} holds the classes {', '.join(names[:12])}, expected numbers. For "
                        "classes use `task_kind=classification`.")
    return text_rows(data, label, pairs, name, _score, lambda splits: ["score"])


def _score(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
