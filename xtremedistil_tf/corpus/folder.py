"""Task folders: train, dev and test of one or several languages, and their labels."""

from __future__ import annotations

import os
import pathlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Iterable, Sequence

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.corpus.labels import infer_labels, read_labels
from xtremedistil_tf.corpus.lines import COMPRESSED
from xtremedistil_tf.corpus.listing import entries, listing
from xtremedistil_tf.corpus.tagged import FORMATS, read_tagged, stem_and_suffix
from xtremedistil_tf.errors import ConfigError, DataError

_SPLITS = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}
_LABELS = "labels.tsv"
_REMEDY = {
    "train": "Put the labelled training sentences there.",
    "dev": "The best model is chosen on it; move, for example, every tenth sentence of the training file "
           "to a dev file.",
}


@dataclass(frozen=True)
class TaskCorpus:
    """The sentences of a task.

    Attributes:
        train, dev, test: labelled sentences; test may be empty.
        labels: `O` first.
        languages: sorted languages of train, dev and test; empty where none is known.
        files: every file that was read, for fingerprints.
        surplus: training sentences beyond `max_train`, which can serve as transfer text.
    """

    train: list[Example]
    dev: list[Example]
    test: list[Example]
    labels: list[str]
    languages: list[str]
    files: list[pathlib.Path]
    surplus: list[Example] = field(default_factory=list)


def load_task(folder: str | os.PathLike, languages: Sequence[str] | None = None, *,
              max_train: int | None = None, max_dev: int | None = None,
              max_test: int | None = None) -> TaskCorpus:
    """Reads `folder/train.tsv`, `dev.tsv`, `test.tsv` and the same files in `folder/<language>/`.

    A language folder is a subfolder that holds at least one of the files; its name is the language of
    its sentences. Files may also be `.conll` or `.jsonl`, and compressed (`.gz`, `.xz`); dev may be
    called `valid` or `validation`. `labels.tsv` may stand in the task folder, in language folders, or
    nowhere: then the labels are inferred from all tags. Labels of several files are united in order
    of first appearance; `O` is put first, and added where it is missing.

    Args:
        folder: the task folder.
        languages: only sentences of these languages; None or empty: all.
        max_train, max_dev, max_test: keep the first so many sentences of each language.

    Raises:
        DataError: train or dev is missing, a split has two files in one folder, a language is not
            there, or a file is faulty (see `read_tagged`, `read_labels`).
        ConfigError: a maximum is below 1.
    """
    limits = {"train": max_train, "dev": max_dev, "test": max_test}
    _check_limits(limits)
    folder, wanted = pathlib.Path(folder), set(languages or ())
    named = _language_folders(folder)
    places = [(None, folder)] + [(name, named[name]) for name in named if not wanted or name in wanted]
    label_files = [path / _LABELS for _, path in places if (path / _LABELS).is_file()]
    labels = _unite(map(read_labels, label_files)) if label_files else None
    splits, files = _read_splits(places, labels)
    if wanted:
        _check_languages(folder, wanted, splits, named)
        splits = {name: [e for e in examples if e.language in wanted] for name, examples in splits.items()}
    for split in ("train", "dev"):
        if not splits[split]:
            raise _missing(folder, split, wanted)
    labels = labels or infer_labels(e for examples in splits.values() for e in examples)
    parts = {name: _first(examples, limits[name]) for name, examples in splits.items()}
    (train, surplus), (dev, _), (test, _) = (parts[name] for name in _SPLITS)
    known = {e.language for e in (*train, *dev, *test) if e.language}
    return TaskCorpus(train, dev, test, labels, sorted(known), label_files + files, surplus)


def _language_folders(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """{language: folder} inside the task folder."""
    if not os.path.isdir(folder):
        what = "is a file, expected a task folder" if os.path.exists(folder) else "no such task folder"
        raise DataError(f"{folder}: {what}; {listing(folder.parent)}.")
    named = {path.name: path for path in entries(folder) if path.is_dir() and _split_files(path)}
    if not named and not _split_files(folder):
        raise _missing(folder, "train", set())
    return named


def _check_limits(limits: dict[str, int | None]) -> None:
    for name, limit in limits.items():
        if limit is not None and limit < 1:
            raise ConfigError(f"max_{name} is {limit}, expected at least 1, or nothing for no limit.")


def _check_languages(folder: pathlib.Path, wanted: set[str], splits: dict[str, list[Example]],
                     named: Iterable[str]) -> None:
    there = {*named, *(e.language for examples in splits.values() for e in examples if e.language)}
    if unknown := sorted(wanted - there):
        what = f"it has: {', '.join(sorted(there))}" if there else \
            "its sentences have no language; put each language into a subfolder named by its code"
        raise DataError(f"{folder}: no data for language {', '.join(unknown)}; {what}.")


def _split_files(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """{split: file} of one folder."""
    files: dict[str, pathlib.Path] = {}
    for path in entries(folder):
        stem, suffix = stem_and_suffix(path)
        split = next((split for split, names in _SPLITS.items() if stem in names), None)
        if split is None or suffix not in FORMATS or not path.is_file():
            continue
        if split in files:
            raise DataError(f"{folder}: {files[split].name} and {path.name} are both {split} files, "
                            "expected one. Move the other away.")
        files[split] = path
    return files


def _read_splits(places: Iterable[tuple[str | None, pathlib.Path]], labels: list[str] | None
                 ) -> tuple[dict[str, list[Example]], list[pathlib.Path]]:
    splits: dict[str, list[Example]] = {split: [] for split in _SPLITS}
    files = []
    for language, folder in places:
        for split, path in sorted(_split_files(folder).items()):
            splits[split] += read_tagged(path, labels, language)
            files.append(path)
    return splits, files


def _unite(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(["O"] + [label for labels in lists for label in labels]))


def _first(examples: list[Example], limit: int | None) -> tuple[list[Example], list[Example]]:
    """The first `limit` sentences of each language, and the others."""
    if limit is None:
        return examples, []
    kept, rest, count = [], [], Counter()
    for example in examples:
        count[example.language] += 1
        (kept if count[example.language] <= limit else rest).append(example)
    return kept, rest


def _missing(folder: pathlib.Path, split: str, wanted: set[str]) -> DataError:
    names = " or ".join(f"{split}{suffix}" for suffix in FORMATS)
    where = f" for {', '.join(sorted(wanted))}" if wanted else ""
    return DataError(f"{folder}: no {split} sentences{where}, expected {names} (also with "
                     f"{' or '.join(COMPRESSED)}) there or in a folder named by the language; "
                     f"{listing(folder)}. {_REMEDY[split]}")
