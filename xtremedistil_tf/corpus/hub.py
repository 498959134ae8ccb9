"""Data sets of the Hugging Face hub, and local folders in its formats, through the package `datasets`."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xtremedistil_tf.corpus.classified import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.folder import TaskCorpus, limited
from xtremedistil_tf.errors import DataError, MissingExtraError, reason_of

_SPLITS = {"train": ("train",), "dev": ("validation", "dev", "valid", "validation_matched"), "test": ("test",)}
log = logging.getLogger(__name__)

#: What stands for a label in a row without one.
UNLABELED = -1
_FILE_READERS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
ReadRow = Callable[[dict[str, Any], str, int], "AnyExample | None"]


@dataclasses.dataclass(frozen=True)
class HubRows:
    """How a kind of task reads the rows of a data set.

    Attributes:
        labels: examples by split -> labels.
        read: (row, source, number) -> example, None where the row has no label, no text or an answer that is not in
            its context.
        unlabeled: split -> whether none of its rows has a label.
    """

    labels: Callable[[dict[str, Any]], list[str]]
    read: ReadRow
    unlabeled: Callable[[Any], bool]


def read_hub(name: str, rows_of: Callable[[Any], HubRows], *, max_train: int | None = None, max_dev: int | None = None,
             max_test: int | None = None, decontaminate: bool = False) -> TaskCorpus:
    """Loads a data set and finds its columns by their types.

    tagging: `tokens` or `words`, and `ner_tags` or `tags`; classification: `label`, and the string columns with
    the names of JSON lines (see `read_classified`), else the first ones (one, of pairs two); regression: the same
    with a number as label; question answering: `question`, `context`, `answers`. Splits: train, validation (dev,
    valid, validation_matched), test; a test set whose labels are all -1 counts as unlabelled and is left out.
    Nobody can mend a data set of the hub: rows without a label (-1) or text, and answers that their context does
    not hold, are passed over and counted in a warning.

    Args:
        name: `<name>` or `<name>:<config>`; a name on the hub, or a folder that `datasets` can load or has saved.
        rows_of: training split -> how its rows are read, see `Task.hub_rows`.
        max_train, max_dev, max_test: keep the first so many examples.
        decontaminate: leave out training examples whose text stands in dev or test, see `MeasuredTexts`.

    Raises:
        MissingExtraError: `datasets` is not installed.
        DataError: the data set cannot be loaded, or lacks a split or column.
    """
    path, _, config = name.partition(":") if not os.path.exists(name) else (name, "", "")
    splits = _load(path, config)
    found = {ours: next((splits[theirs] for theirs in names if theirs in splits), None)
             for ours, names in _SPLITS.items()}
    for split in ("train", "dev"):
        if found[split] is None:
            raise DataError(f"hf:{name}: no split {' or '.join(_SPLITS[split])} among {', '.join(splits)}. Expected "
                            "train and validation.")
    rows = rows_of(found["train"])
    if found["test"] is not None and rows.unlabeled(found["test"]):
        found["test"] = None
    examples = {split: _examples(data, rows.read, f"hf:{name}:{split}") if data is not None else []
                for split, data in found.items()}
    for split in ("train", "dev"):
        if not examples[split]:
            raise DataError(f"hf:{name}: no usable example in {split}, expected labelled ones.")
    corpus = TaskCorpus(examples["train"], examples["dev"], examples["test"], rows.labels(examples), [])
    return limited(corpus, max_train, max_dev, max_test, decontaminate)


def _load(path: str, config: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets", f"`task=hf:{path}`") from error
    quiet = logging.getLogger("datasets")
    quiet.setLevel(logging.ERROR)
    try:
        if any(os.path.exists(os.path.join(path, mark)) for mark in ("dataset_dict.json", "state.json")):
            saved = datasets.load_from_disk(path)
            return dict(saved) if isinstance(saved, dict) else {"train": saved}
        reader = _FILE_READERS.get(os.path.splitext(path)[1])
        if reader and os.path.isfile(path):
            return dict(datasets.load_dataset(reader, data_files=path))
        return dict(datasets.load_dataset(path, config or None))
    except Exception as error:  # the library raises from a dozen families of its own and others' errors
        raise DataError(f"hf:{path}{':' * bool(config)}{config}: cannot be loaded ({reason_of(error)}). Expected a "
                        "data set of the Hugging Face hub (which needs a network) or a local folder of parquet, "
                        "JSON or CSV files.") from error


def text_columns(data: Any, label: str, pairs: bool, name: str) -> list[str]:
    """The columns of the texts. Raises DataError where there are too few."""
    strings = [column for column, feature in data.features.items()
               if getattr(feature, "dtype", "") in ("string", "large_string") and column not in (label, "id", "idx")]
    named: list[str] = []
    for keys in (TEXT_KEYS, PAIR_KEYS)[:1 + pairs]:
        named += [key for key in keys if key in strings and key not in named][:1]
    texts = named if len(named) == 1 + pairs else strings[:1 + pairs]
    if len(texts) < 1 + pairs:
        raise DataError(f"hf:{name}: {len(texts)} text columns among {', '.join(data.features)}, expected {1 + pairs}.")
    return texts


def all_unlabeled(data: Any, columns: Sequence[str],
                  values: Callable[[Any], Iterable[Any]] = lambda column: column) -> bool:
    """Whether no row of a split has a label.

    Args:
        data: the split.
        columns: those that may hold labels, the first that is there counting.
        values: column -> the labels in it.
    """
    column = next((column for column in columns if column in data.features), None)
    return column is None or all(value is None or value == UNLABELED for value in values(data[column]))


def _examples(data: Any, read: ReadRow, source: str) -> list[AnyExample]:
    examples = [example for number, row in enumerate(data, 1) if (example := read(row, source, number))]
    if missing := len(data) - len(examples):
        log.warning("%s: %d of %d rows are skipped: no label, no text, or an answer not in its context",
                    source, missing, len(data))
    return examples


def column_of(data: Any, candidates: Sequence[str], name: str) -> str:
    """The first of the candidates that a data set has. Raises DataError where it has none."""
    found = next((column for column in candidates if column in data.features), None)
    if found is None:
        raise DataError(f"hf:{name}: no column {' or '.join(candidates)} among {', '.join(data.features)}.")
    return found
