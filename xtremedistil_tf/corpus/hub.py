"""Data sets of the Hugging Face hub, and local folders in its formats, through the package `datasets`."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

from xtremedistil_tf.corpus.classified import PAIR_KEYS, TEXT_KEYS
from xtremedistil_tf.corpus.example import Answer, AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.folder import TaskCorpus, limited
from xtremedistil_tf.corpus.kinds import inferred_classes
from xtremedistil_tf.corpus.labels import infer_labels
from xtremedistil_tf.corpus.squad import nearest
from xtremedistil_tf.corpus.tags import is_iob2
from xtremedistil_tf.errors import DataError, MissingExtraError, reason_of

_SPLITS = {"train": ("train",), "dev": ("validation", "dev", "valid", "validation_matched"), "test": ("test",)}
log = logging.getLogger(__name__)

_TAG_COLUMNS = ("ner_tags", "tags", "labels")
_WORD_COLUMNS = ("tokens", "words")
_LABEL_COLUMNS = ("label", "labels", "score", "coarse_label", "intent")
_UNLABELED = -1
_FILE_READERS = {".json": "json", ".jsonl": "json", ".csv": "csv", ".parquet": "parquet"}
# Reads one row: an example, or None where the row has no label, no text or an answer that is not in its context.
_ReadRow = Callable[[dict[str, Any], str, int], "AnyExample | None"]


def load_hub(name: str, kind: str, *, pairs: bool = False, max_train: int | None = None, max_dev: int | None = None,
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
        kind: kind of the task.
        pairs: whether examples are pairs of texts.
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
    infer, read = _reader(found["train"], kind, pairs, name)
    if found["test"] is not None and _all_unlabeled(found["test"], kind):
        found["test"] = None
    examples = {split: _examples(data, read, f"hf:{name}:{split}") if data is not None else []
                for split, data in found.items()}
    for split in ("train", "dev"):
        if not examples[split]:
            raise DataError(f"hf:{name}: no usable example in {split}, expected labelled ones.")
    corpus = TaskCorpus(examples["train"], examples["dev"], examples["test"], infer(examples), [])
    return limited(corpus, max_train, max_dev, max_test, decontaminate)


def _load(path: str, config: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets", f"--task=hf:{path}") from error
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


def _reader(data: Any, kind: str, pairs: bool, name: str) -> tuple[Callable[[dict[str, Any]], list[str]], _ReadRow]:
    """(examples of all splits -> labels, reader of a row)."""
    if kind == "tagging":
        return _tag_reader(data, name)
    if kind == "question_answering":
        for column in ("question", "context", "answers"):
            _column(data, (column,), name)
        return lambda splits: ["start", "end"], _question
    label = _column(data, _LABEL_COLUMNS, name)
    texts = _text_columns(data, label, pairs, name)
    names = getattr(data.features[label], "names", None)
    is_float = getattr(data.features[label], "dtype", "").startswith("float")
    if kind == "regression" and names:
        raise DataError(f"hf:{name}: column {label} holds the classes {', '.join(names[:12])}, expected numbers. For "
                        "classes use --task_kind=classification.")
    if kind == "classification" and is_float:
        raise DataError(f"hf:{name}: column {label} holds numbers with a fraction, expected classes. For scores use "
                        "--task_kind=regression.")

    def read(row: dict[str, Any], source: str, number: int) -> TextExample | None:
        value = row[label]
        found = _score(value) if kind == "regression" else _class_name(value, names)
        parts = [row[column] for column in texts]
        if found is None or not all(isinstance(part, str) and part.strip() for part in parts):
            return None
        return TextExample(parts[0], parts[1] if pairs else None, found, None, source, number)

    if kind == "regression":
        return lambda splits: ["score"], read
    return (lambda splits: list(names)) if names else inferred_classes, read


def _text_columns(data: Any, label: str, pairs: bool, name: str) -> list[str]:
    strings = [column for column, feature in data.features.items()
               if getattr(feature, "dtype", "") in ("string", "large_string") and column not in (label, "id", "idx")]
    named: list[str] = []
    for keys in (TEXT_KEYS, PAIR_KEYS)[:1 + pairs]:
        named += [key for key in keys if key in strings and key not in named][:1]
    texts = named if len(named) == 1 + pairs else strings[:1 + pairs]
    if len(texts) < 1 + pairs:
        raise DataError(f"hf:{name}: {len(texts)} text columns among {', '.join(data.features)}, expected {1 + pairs}.")
    return texts


def _score(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _class_name(value: Any, names: Sequence[str] | None) -> str | None:
    if value is None or value == _UNLABELED:
        return None
    return names[value] if names else str(value)


def _tag_reader(data: Any, name: str) -> tuple[Callable[[dict[str, Any]], list[str]], _ReadRow]:
    words, tags = _column(data, _WORD_COLUMNS, name), _column(data, _TAG_COLUMNS, name)
    feature = getattr(data.features[tags], "feature", None)
    names = getattr(feature, "names", None)
    if not names and getattr(feature, "dtype", "") not in ("string", "large_string"):
        raise DataError(f"hf:{name}: column {tags} holds {getattr(feature, 'dtype', None) or 'no lists'}, expected "
                        "lists of tags as strings or as classes with names.")
    if bad := [tag for tag in names or () if not is_iob2(tag)]:
        raise DataError(f"hf:{name}: column {tags} has the class {bad[0]!r}, expected O, B-type and I-type.")

    def read(row: dict[str, Any], source: str, number: int) -> Example | None:
        if not row[words] or len(row[words]) != len(row[tags]) or _UNLABELED in row[tags]:
            return None
        named = tuple(names[tag] if names else tag for tag in row[tags])
        # White space inside a token of a hub data set would be two words everywhere else.
        return Example(tuple("".join(word.split()) or "_" for word in row[words]), named, None, source, number)

    def labels(splits: dict[str, Any]) -> list[str]:
        if names:
            return list(dict.fromkeys(["O", *names]))
        return infer_labels(example for examples in splits.values() for example in examples)

    return labels, read


def _question(row: dict[str, Any], source: str, number: int) -> QuestionExample | None:
    if row["answers"] is None or not row["context"] or row["question"] is None:
        return None
    given = list(zip(row["answers"]["text"], row["answers"]["answer_start"]))
    places = [nearest(row["context"], text, start) if text else -1 for text, start in given]
    if -1 in places:
        return None
    answers = tuple(Answer(text, place) for (text, _), place in zip(given, places))
    return QuestionExample(str(row.get("id", number)), row["question"], row["context"], answers, None, source, number)


def _all_unlabeled(data: Any, kind: str) -> bool:
    columns = {"tagging": _TAG_COLUMNS, "question_answering": ()}.get(kind, _LABEL_COLUMNS)
    column = next((column for column in columns if column in data.features), None)
    if column is None:
        return kind != "question_answering"
    values = data[column] if kind != "tagging" else (tag for tags in data[column] for tag in tags or ())
    return all(value is None or value == _UNLABELED for value in values)


def _examples(data: Any, read: _ReadRow, source: str) -> list[AnyExample]:
    examples = [example for number, row in enumerate(data, 1) if (example := read(row, source, number))]
    if missing := len(data) - len(examples):
        log.warning("%s: %d of %d rows are passed over: no label, no text, or an answer not in its context",
                    source, missing, len(data))
    return examples


def _column(data: Any, candidates: Sequence[str], name: str) -> str:
    found = next((column for column in candidates if column in data.features), None)
    if found is None:
        raise DataError(f"hf:{name}: no column {' or '.join(candidates)} among {', '.join(data.features)}.")
    return found
