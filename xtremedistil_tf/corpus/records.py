"""Records that stand for examples of Python in files: JSON, whatever types their values have."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.errors import DataError

Record = dict[str, Any]


def write_json_lines(file: TextIO, records: Iterable[Record]) -> None:
    """Writes one record a line, without values that are missing (None, NaN)."""
    for record in records:
        known = {key: value for key, value in record.items() if not _is_missing(value)}
        # Escaped, a lone surrogate can be written; the reader names the line that has it.
        file.write(json.dumps(known, default=plain) + "\n")


def is_column(part: Any) -> bool:
    """Whether something holds several values."""
    return hasattr(part, "__len__") and not isinstance(part, str | bytes | Mapping)


def plain(value: Any) -> Any:
    """NumPy's numbers and arrays, sets and ranges as JSON has them, for `json.dumps`."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, range):
        return list(value)
    raise DataError(f"{quoted(value)} is a {type(value).__name__}, expected texts, numbers and lists of them.")


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
