"""Data sets of the Hugging Face hub, and local folders in its formats, through the package `datasets`."""

from __future__ import annotations

import logging
import os
from typing import Any, Iterable, Iterator, Sequence

from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.folder import TaskCorpus, limited
from xtremedistil_tf.errors import DataError, MissingExtraError

_SPLITS = {"train": ("train",), "dev": ("validation", "dev", "valid", "validation_matched"), "test": ("test",)}
_TAG_COLUMNS = ("ner_tags", "tags", "labels", "pos_tags")
_WORD_COLUMNS = ("tokens", "words")
_LABEL_COLUMNS = ("label", "labels", "score", "coarse_label", "intent")
_UNLABELED = -1


def load_hub(name: str, kind: str, *, pairs: bool = False, max_train: int | None = None, max_dev: int | None = None,
             max_test: int | None = None) -> TaskCorpus:
    """Loads a data set and finds its columns by their types.

    tagging: `tokens` or `words`, and `ner_tags` or `tags`; classification: `label`, and the string columns in their
    order (the first, of pairs the first two); regression: the same with a number as label; question answering:
    `question`, `context`, `answers`. Splits: train, validation (dev, valid, validation_matched), test; a test set
    whose labels are all -1 counts as unlabelled and is left out.

    Args:
        name: `<name>` or `<name>:<config>`; a name on the hub, or a folder that `datasets` can load or has saved.
        kind: kind of the task.
        pairs: whether examples are pairs of texts.
        max_train, max_dev, max_test: keep the first so many examples.

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
    labels, read = _reader(found["train"], kind, pairs, name)
    examples = {split: list(read(data, f"hf:{name}:{split}")) if data is not None else []
                for split, data in found.items()}
    labels = labels or sorted({e.label for split in examples.values() for e in split if e.label is not None})
    corpus = TaskCorpus(examples["train"], examples["dev"], examples["test"], list(labels), [])
    return limited(corpus, max_train, max_dev, max_test)


def _load(path: str, config: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets", f"--task=hf:{path}") from error
    quiet = logging.getLogger("datasets")
    quiet.setLevel(logging.ERROR)
    try:
        if os.path.isdir(path) and (os.path.exists(os.path.join(path, "dataset_dict.json"))):
            return dict(datasets.load_from_disk(path))
        return dict(datasets.load_dataset(path, config or None))
    except Exception as error:  # the library raises from a dozen families of its own and others' errors
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise DataError(f"hf:{path}{':' * bool(config)}{config}: cannot be loaded ({reason}). Expected a data set of the "
                        "Hugging Face hub (which needs a network) or a local folder of parquet, JSON or CSV files."
                        ) from error


def _reader(data: Any, kind: str, pairs: bool, name: str):
    """(labels or None, reader of a split)."""
    if kind == "tagging":
        words, tags = _column(data, _WORD_COLUMNS, name), _column(data, _TAG_COLUMNS, name)
        names = getattr(getattr(data.features[tags], "feature", None), "names", None)
        return _tag_labels(data[tags], names), lambda split, source: _tagged(split, words, tags, names, source)
    if kind == "question_answering":
        for column in ("question", "context", "answers"):
            _column(data, (column,), name)
        return ["start", "end"], _questions
    label = _column(data, _LABEL_COLUMNS, name)
    texts = [column for column, feature in data.features.items() if getattr(feature, "dtype", "") in ("string", "large_string")
             and column not in (label, "id", "idx")]
    if len(texts) < 1 + pairs:
        raise DataError(f"hf:{name}: {len(texts)} text columns among {', '.join(data.features)}, expected {1 + pairs}.")
    names = getattr(data.features[label], "names", None)
    fixed = ["score"] if kind == "regression" else names

    def read(split: Any, source: str) -> Iterator[TextExample]:
        return _texts(split, texts[:1 + pairs], label, names, kind == "regression", source)

    return fixed, read


def _column(data: Any, candidates: Sequence[str], name: str) -> str:
    found = next((column for column in candidates if column in data.features), None)
    if found is None:
        raise DataError(f"hf:{name}: no column {' or '.join(candidates)} among {', '.join(data.features)}.")
    return found


def _tag_labels(rows: Iterable[Sequence[Any]], names: Sequence[str] | None) -> list[str]:
    found = names or sorted({tag for row in rows for tag in row})
    return list(dict.fromkeys(["O", *found]))


def _tagged(split, words: str, tags: str, names, source: str) -> Iterator[Example]:
    for number, row in enumerate(split, 1):
        if row[words]:
            named = tuple(names[tag] if names else tag for tag in row[tags])
            # White space inside a token of a hub data set would be two words everywhere else.
            yield Example(tuple("".join(word.split()) or "_" for word in row[words]), named, None, source, number)


def _texts(split, columns: Sequence[str], label: str, names, regression: bool, source: str) -> Iterator[TextExample]:
    for number, row in enumerate(split, 1):
        value = row[label]
        if value is None or (not regression and value == _UNLABELED):
            continue
        value = float(value) if regression else names[value] if names else str(value)
        yield TextExample(row[columns[0]], row[columns[1]] if len(columns) > 1 else None, value, None, source, number)


def _questions(split, source: str) -> Iterator[QuestionExample]:
    for number, row in enumerate(split, 1):
        answers = tuple(Answer(text, start)
                        for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"]))
        yield QuestionExample(str(row.get("id", number)), row["question"], row["context"], answers, None, source, number)
