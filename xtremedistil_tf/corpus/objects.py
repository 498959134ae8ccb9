"""Labelled examples and transfer text given as Python objects: written to files, which the readers then check.

A file keeps what a run was made from, so that the same call resumes it, and faults are named by file and line.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_directory, atomic_file
from xtremedistil_tf.corpus.classified import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.corpus.kinds import Kind, kind_named
from xtremedistil_tf.corpus.records import Record, is_column
from xtremedistil_tf.errors import DataError

SPLITS = ("train", "dev", "test")
_OTHER_NAMES = {"dev": ("validation", "valid"), "train": (), "test": ()}
#: Of examples that come without a dev set, every so manyth one becomes one.
_DEV_EVERY = 10
_LABEL_KEYS = ("label", "labels", "score")
_WORD_KEYS = ("tokens", "words")


def is_path(source: Any) -> bool:
    """Whether data is given by the name of a file or folder (or by none), not as objects."""
    return source is None or isinstance(source, str | os.PathLike)


def write_task(folder: pathlib.Path, task: Any, kind: str, pairs: bool = False,
               labels: Sequence[str] | None = None) -> None:
    """Writes a task folder from Python objects.

    Args:
        folder: that receives it; it is replaced.
        task: {split: examples} with `train`, `dev` (or `validation`) and perhaps `test`, such as a
            `datasets.DatasetDict`; or examples alone, of which every tenth one becomes the dev set. Examples are a
            pandas or Polars frame, a `datasets.Dataset`, a tuple of columns such as `(texts, labels)`, a mapping of
            columns, or an iterable of rows: tuples such as `(words, tags)`, `(text, label)`, `(text, pair, label)` or
            `(question, context, answers)`, mappings with the names of JSON lines, or `Example`, `TextExample`,
            `QuestionExample`.
        kind: of the task.
        pairs: whether texts are pairs.
        labels: names of the labels, for `labels.tsv`; None: from the examples.

    Raises:
        DataError: a split is missing, or an example has no form that is known.
    """
    splits, layout = _splits(task), kind_named(kind, pairs)
    with atomic_directory(folder) as part:
        if labels is not None:
            (part / "labels.tsv").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
        for split, source in splits.items():
            _write(part, split, _records(source, layout, True, f"task[{split!r}]"), layout)


def write_examples(folder: pathlib.Path, stem: str, examples: Any, kind: str, pairs: bool = False,
                   labelled: bool = False) -> pathlib.Path:
    """Writes examples that are Python objects, however many, and returns their file.

    Args:
        folder: that receives it.
        stem: name of the file without its ending.
        examples: as those of `write_task`; without labels: texts, lists of words, pairs, or `(question, context)`.
        kind, pairs: as there.
        labelled: whether they have labels.

    Raises:
        DataError: an example has no form that is known.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layout = kind_named(kind, pairs)
    return _write(folder, stem, _records(examples, layout, labelled, stem), layout)


def kind_of_objects(task: Any) -> tuple[str, bool]:
    """The kind of task that examples look like, and whether their texts are pairs, by the first one.

    Lists of words are tagging, questions question answering; then the label decides: a float is regression, a list
    multi-label classification, all else classification.
    """
    source = next(iter(_splits(task).values()))
    row = next(iter(_rows(source, "task")), None)
    if isinstance(row, Example):
        return "tagging", False
    if isinstance(row, QuestionExample):
        return "question_answering", False
    if isinstance(row, TextExample):
        label, pairs = row.label, row.pair is not None
    elif isinstance(row, Mapping):
        if any(key in row for key in _WORD_KEYS):
            return "tagging", False
        if "context" in row:
            return "question_answering", False
        label = next((row[key] for key in _LABEL_KEYS if key in row), None)
        pairs = sum(key in row for key in {*TEXT_KEYS, *PAIR_KEYS}) > 1
    elif isinstance(row, Sequence) and not isinstance(row, str) and row:
        if not isinstance(row[0], str):
            return "tagging", False
        label, pairs = row[-1], len(row) > 2
    else:
        raise DataError(f"task: the first example is {quoted(row)}, expected a tuple such as (text, label), a mapping "
                        "such as {'text': ..., 'label': ...}, or an Example.")
    if isinstance(label, list | tuple | set | frozenset) or type(label).__name__ == "ndarray":
        return "multi_label", pairs
    return ("regression" if isinstance(label, float) else "classification"), pairs


def _splits(task: Any) -> dict[str, Any]:
    if isinstance(task, Mapping) and any(name in task for name in ("train", *_OTHER_NAMES["dev"], "dev")):
        found = {split: next((task[name] for name in (split, *_OTHER_NAMES[split]) if name in task), None)
                 for split in SPLITS}
        if found["train"] is None:
            raise DataError(f"task: no 'train' among {', '.join(map(str, task))}. Expected "
                            "{'train': examples, 'dev': examples, 'test': examples}.")
        if found["dev"] is not None:
            return {split: source for split, source in found.items() if source is not None}
        train, dev = _parted(found["train"])
        return {"train": train, "dev": dev} | ({"test": found["test"]} if found["test"] is not None else {})
    train, dev = _parted(task)
    return {"train": train, "dev": dev}


def _parted(source: Any) -> tuple[list[Any], list[Any]]:
    rows = list(_rows(source, "task"))
    if len(rows) < 2:
        raise DataError(f"task: {len(rows)} example(s), expected at least 2: to train on, and for the dev set.")
    every = min(_DEV_EVERY, len(rows))
    return [row for number, row in enumerate(rows, 1) if number % every], rows[every - 1::every]


def _rows(source: Any, what: str) -> Iterable[Any]:
    """The rows of whatever holds them; those of tables as mappings."""
    if hasattr(source, "iter_rows"):  # Polars
        rows: Iterable[Any] = source.iter_rows(named=True)
        return rows
    if hasattr(source, "itertuples"):  # pandas
        names = [str(name) for name in source.columns]
        return (dict(zip(names, row)) for row in source.itertuples(index=False, name=None))
    if hasattr(source, "features") and hasattr(source, "column_names"):  # datasets.Dataset
        return _named_classes(source)
    if isinstance(source, Mapping):
        return (dict(zip(source, row)) for row in zip(*_columns(list(source.values()), what)))
    if isinstance(source, tuple) and len(source) > 1 and all(is_column(part) for part in source):
        return zip(*_columns(source, what))
    if isinstance(source, Iterable) and not isinstance(source, str | bytes):
        return source
    raise DataError(f"{what}: {quoted(source)}, expected examples: an iterable of rows, a pandas or Polars frame, or a "
                    "datasets.Dataset.")


def _columns(columns: Sequence[Any], what: str) -> Sequence[Any]:
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(f"{what}: columns of {', '.join(map(str, lengths))} rows, expected the same number in each.")
    return columns


def _named_classes(data: Any) -> Iterator[Record]:
    """Rows of a data set of `datasets`, its class numbers as names."""
    names: dict[str, list[str]] = {}
    for column, feature in data.features.items():
        found = getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None)
        if found:
            names[column] = found
    for row in data:
        yield row | {column: _name(row[column], found) for column, found in names.items()}


def _name(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list | tuple):
        return [_name(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _records(source: Any, layout: Kind, labelled: bool, what: str) -> Iterator[Record]:
    for number, row in enumerate(_rows(source, what), 1):
        record = layout.record(row, labelled)
        if record is None:
            raise DataError(f"{what}: example {number} is {quoted(row)}, expected {layout.row_forms[not labelled]}.")
        yield record


def _write(folder: pathlib.Path, stem: str, records: Iterable[Record], layout: Kind) -> pathlib.Path:
    path = folder / f"{stem}{layout.record_format}"
    with atomic_file(path) as part, open(part, "w", encoding="utf-8") as file:
        layout.write_records(file, records)
    return path
