"""What a kind of task tells the readers of how its examples are kept in files, and records of Python rows."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.reading import Reading
from xtremedistil_tf.errors import DataError

Record = dict[str, Any]
#: What files of a split may be called.
SPLITS = {"train": ("train", "training", "trn"), "test": ("test", "testing", "testb"),
          "dev": ("dev", "devel", "development", "valid", "validation", "val", "testa")}


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


@dataclass(frozen=True)
class Kind:
    """How a kind of task is kept in files.

    Attributes:
        formats: suffixes of its labelled files.
        read: (path, labels or None, language or None, reading) -> labelled examples.
        read_unlabeled: (path, reading) -> examples without labels.
        read_labels: label files -> labels.
        infer_labels: {split: examples} -> labels, where there is no label file.
        record: (row of Python, whether it is labelled) -> the record that stands for it in a file; None where the row
            has no form that is known.
        row_forms: what a labelled and an unlabelled row may be, for messages.
        write_records: (open file, records) -> writes them.
        record_format: suffix of files of records.
        versioned: whether `train-v1.1` is a train file too.
        other_formats: suffixes of files that may be labelled ones.
        tagged: whether words are labelled, not texts.
        settled: (reading, examples of train) -> reading for the other splits, which are to be read alike.
    """

    formats: tuple[str, ...]
    read: Callable[..., Sequence[AnyExample]]
    read_unlabeled: Callable[..., Iterator[AnyExample]]
    read_labels: Callable[[Sequence[os.PathLike[str]]], list[str] | None]
    infer_labels: Callable[[Mapping[str, Sequence[Any]]], list[str]]
    record: Callable[[Any, bool], dict[str, Any] | None]
    row_forms: tuple[str, str]
    write_records: Callable[[TextIO, Iterable[dict[str, Any]]], None] = write_json_lines
    record_format: str = ".jsonl"
    versioned: bool = False
    other_formats: tuple[str, ...] = ()
    tagged: bool = False
    settled: Callable[[Reading, Sequence[Any]], Reading] = lambda reading, train: reading

    def split_of(self, stem: str) -> str | None:
        """The split that a file's stem names, None if it names none."""
        bare = re.sub(r"[-_]v\d[\d.]*$", "", stem) if self.versioned else stem
        return next((split for split, names in SPLITS.items() if bare.lower() in names), None)
