"""Labelled examples and transfer text given as Python objects: written to files, which the readers then check.

Files keep what a run was made from, so that the same call resumes it. Their names tell their content: other data in the
same folder leaves what earlier students were made from as it is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.corpus.folder import read_folder
from xtremedistil_tf.corpus.kinds import Kind, Record, is_column
from xtremedistil_tf.corpus.reading import BY_CONTENT
from xtremedistil_tf.corpus.text_columns import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.fingerprint import file_fingerprint, fingerprint

log = logging.getLogger(__name__)

_NAMES = {"train": ("train",), "dev": ("dev", "validation", "valid"), "test": ("test",)}
#: Of examples that come without a dev set, every so manyth one becomes one.
_DEV_EVERY = 10
_LABEL_KEYS = ("label", "labels", "score")
_WORD_KEYS, _TAG_KEYS = ("tokens", "words"), ("tags", "ner_tags")
_COLUMN_NAMES = {*_WORD_KEYS, *_TAG_KEYS, *_LABEL_KEYS, *TEXT_KEYS, *PAIR_KEYS, "context", "answers"}
_LABELS = "labels.tsv"
# What messages about files say, and what they are to say about Python's objects.
_WORDS = (("Correct or delete those lines.", "Correct or remove these examples."),
          ("Correct or delete that line.", "Correct or remove this example."),
          ("Delete the file to have them", "Leave labels out to have them"), (", one a line", ""))


def is_path(source: Any) -> bool:
    """Whether data is given by the name of a file or folder (or by none), not as objects."""
    return source is None or isinstance(source, str | os.PathLike)


def write_task(root: pathlib.Path, task: Any, kind: Kind, labels: Sequence[str] | None = None) -> pathlib.Path:
    """Writes a task folder from Python objects, and checks it.

    Args:
        root: that receives the folder, whose name tells its content.
        task: {split: examples} with `train`, `dev` (or `validation`) and perhaps `test`, such as a
            `datasets.DatasetDict`; or examples alone. Without a dev set every tenth training example becomes one.
            Examples are a pandas or Polars frame, a `datasets.Dataset`, a tuple of columns such as `(texts, labels)`, a
            mapping of columns, or an iterable of rows: tuples such as `(words, tags)`, `(text, label)`, `(text, pair,
            label)` or `(question, context, answers)`, mappings with the names of JSON lines, or `Example`,
            `TextExample`, `QuestionExample`.
        kind: how the kind of task keeps its examples, see `tasks.opening.kind_named`.
        labels: names of the labels, for `labels.tsv`; None: from the examples.

    Raises:
        DataError: a split is missing, or examples are faulty; named as they were given.
    """
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-task-", dir=root) as folder:
        part = pathlib.Path(folder)
        names = {part / _LABELS: "labels"}
        if labels is not None:
            (part / _LABELS).write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
        records = {}
        for split, (name, source) in _splits(task).items():
            records[split] = list(_records(source, kind, True, name))
            file = _write(part, split, records[split], kind)
            names[file] = name
            with _named(names):
                known = kind.read_labels([part / _LABELS]) if labels is not None else None
                kind.read(file, known, None, BY_CONTENT)
        if "dev" not in records:
            train, dev = _parted(records["train"])
            _write(part, "train", train, kind), _write(part, "dev", dev, kind)
        with _named(names | {part: "task"}):
            read_folder(part, kind)
        files = sorted(part.iterdir())
        target = root / f"task-{fingerprint([[file.name, file_fingerprint(file)] for file in files])[:8]}"
        if not target.exists():
            os.chmod(part, 0o755)
            part.rename(target)
            part.mkdir()  # what the block deletes at its end
    return target


def write_text(root: pathlib.Path, texts: Any, kind: Kind) -> pathlib.Path:
    """Writes transfer text from Python objects, however many, and returns its file, whose name tells its content.

    Args:
        root: that receives the file.
        texts: as the examples of `write_task`, without labels: texts, lists of words, pairs, or
            `(question, context)`.
        kind: as there.

    Raises:
        DataError: there is no text, or texts are faulty.
    """
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-transfer-", dir=root) as folder:
        file = _write(pathlib.Path(folder), "transfer", _records(texts, kind, False, "transfer"), kind)
        with _named({file: "transfer"}):
            for _ in kind.read_unlabeled(str(file)):
                pass
        target = root / f"transfer-{file_fingerprint(file)[:8]}{kind.record_format}"
        os.replace(file, target)
    return target


def examples_of(source: Any, kind: Kind, labels: Sequence[str] | None = None) -> list[AnyExample]:
    """Labelled examples that are Python objects, as the readers give them.

    Args:
        source: as the examples of `write_task`.
        kind: as there.
        labels: those that may occur; None: any.

    Raises:
        DataError: they are faulty.
    """
    with tempfile.TemporaryDirectory(prefix="xtremedistil-") as folder:
        file = _write(pathlib.Path(folder), "data", _records(source, kind, True, "data"), kind)
        with _named({file: "data"}):
            return list(kind.read(file, labels, None, BY_CONTENT))


@contextlib.contextmanager
def _named(names: Mapping[pathlib.Path, str]) -> Iterator[None]:
    """Errors about these files speak of what was given instead."""
    try:
        yield
    except DataError as error:
        text = str(error)
        for path, name in names.items():
            part = "label" if name == "labels" else "example"
            text = re.sub(rf"{re.escape(str(path))}:(\d+)", rf"{name}, {part} \1", text).replace(str(path), name)
        for words, instead in _WORDS:
            text = text.replace(words, instead)
        raise DataError(text) from None


def kind_of_objects(task: Any) -> tuple[str, bool]:
    """The kind of task that examples look like, and whether their texts are pairs, by the first one.

    Lists of words are tagging, questions question answering; then the label decides: a float is regression, a list
    multi-label classification, all else classification.
    """
    name, source = next(iter(_splits(task).values()))
    row = next(iter(_rows(source, name)), None)
    if row is None:
        raise DataError(f"{name}: no examples, expected at least two.")
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


def _splits(task: Any) -> dict[str, tuple[str, Any]]:
    """Split -> (what it is called in messages, its examples)."""
    if not isinstance(task, Mapping) or not _is_divided(task):
        return {"train": ("task", task)}
    found = {split: next((name for name in names if name in task), None) for split, names in _NAMES.items()}
    if found["train"] is None:
        raise DataError(f"task: no 'train' among {', '.join(map(repr, task))}. Expected "
                        "{'train': examples, 'dev': examples, 'test': examples}.")
    if unused := [name for name in task if name not in found.values()]:
        log.warning("task: %s %s not used; expected train, dev and test", ", ".join(map(repr, unused)),
                    "is" if len(unused) == 1 else "are")
    return {split: (f"task[{name!r}]", task[name]) for split, name in found.items() if name is not None}


def _is_divided(task: Mapping[str, Any]) -> bool:
    """Whether a mapping is of splits, and not of columns."""
    splits = {name for names in _NAMES.values() for name in names}
    return bool(splits & set(task)) or not _COLUMN_NAMES & set(task)


def _parted(rows: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    if len(rows) < 2:
        raise DataError(f"task: {len(rows)} example(s), expected at least 2: to train on, and for the dev set.")
    every = min(_DEV_EVERY, len(rows))
    return [row for number, row in enumerate(rows, 1) if number % every], list(rows[every - 1::every])


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
