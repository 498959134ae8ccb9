"""Where each kind of task keeps its examples, and how they are read."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, Sequence

from xtremedistil_tf.corpus import classified, squad, tagged
from xtremedistil_tf.corpus.example import AnyExample, QuestionExample, TextExample
from xtremedistil_tf.corpus.labels import infer_labels, read_class_names, read_labels
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.text import read_text, text_files
from xtremedistil_tf.errors import ConfigError

_SPLITS = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Kind:
    """How a kind of task is kept in files.

    Attributes:
        formats: suffixes of its labelled files.
        read: (path, labels or None, language or None) -> labelled examples.
        read_unlabeled: path -> examples without labels.
        labels: label files and examples of training -> labels; without files they are inferred.
        split_name: pattern that the stem of a split's file has beside the split's names.
    """

    formats: tuple[str, ...]
    read: Callable[..., list[AnyExample]]
    read_unlabeled: Callable[[str], Iterator[AnyExample]]
    read_labels: Callable[[list[os.PathLike]], list[str] | None]
    infer_labels: Callable[[Iterable[AnyExample]], list[str]]

    def split_of(self, stem: str) -> str | None:
        """`train` of "train", "train-v1.1" and "train_v2": which split a file's stem names."""
        bare = re.sub(r"[-_]v?\d[\d.]*$", "", stem)
        return next((split for split, names in _SPLITS.items() if bare in names), None)


def kind_named(name: str, pairs: bool = False) -> Kind:
    """The kind `tagging`, `classification`, `regression` or `question_answering`.

    Args:
        name: of the kind.
        pairs: whether classification and regression are of pairs of texts.

    Raises:
        ConfigError: there is no such kind.
    """
    if name == "tagging":
        return Kind(tuple(tagged.FORMATS), tagged.read_tagged, read_text, _united_tags, infer_labels)
    if name == "question_answering":
        return Kind(squad.FORMATS, lambda path, labels, language: squad.read_squad(path, language), _questions,
                    lambda files: ["start", "end"], lambda examples: ["start", "end"])
    texts = functools.partial(_texts, pairs=pairs)
    if name == "classification":
        return Kind(classified.FORMATS, lambda path, labels, language: classified.read_classified(
            path, pairs, labels, language), texts, _united_classes, _inferred_classes)
    if name == "regression":
        return Kind(classified.FORMATS, lambda path, labels, language: classified.read_classified(
            path, pairs, None, language, True), texts, lambda files: ["score"], lambda examples: ["score"])
    raise ConfigError(f"kind of task {name!r}: expected tagging, classification, regression or question_answering.")


def read_labelled(path: str | os.PathLike, kind: str, pairs: bool = False,
                  labels: Sequence[str] | None = None) -> list[AnyExample]:
    """Reads one labelled file of a kind of task.

    Raises:
        DataError: see the kind's reader.
    """
    return kind_named(kind, pairs).read(path, labels, None)


def read_unlabeled(path: str, kind: str, pairs: bool = False) -> Iterator[AnyExample]:
    """Streams the transfer text of a kind of task from what `text_files(path)` names.

    tagging: see `read_text`. classification, regression: a text a line, of pairs `text<TAB>text`; or labelled files,
    whose labels are not read. question_answering: SQuAD's JSON, whose answers are not read.

    Raises:
        DataError: see `text_files`; a file is faulty or empty.
    """
    return kind_named(kind, pairs).read_unlabeled(path)


def _texts(path: str, pairs: bool) -> Iterator[TextExample]:
    for file in text_files(path):
        yield from classified.read_texts(file, pairs, file_language(file))


def _questions(path: str) -> Iterator[QuestionExample]:
    for file in text_files(path):
        for e in squad.read_squad(file, file_language(file)):
            yield QuestionExample(e.id, e.question, e.context, None, e.language, e.source, e.line)


def _united_tags(files: list[os.PathLike]) -> list[str] | None:
    lists = [read_labels(file) for file in files]
    return list(dict.fromkeys(["O"] + [label for labels in lists for label in labels])) if lists else None


def _united_classes(files: list[os.PathLike]) -> list[str] | None:
    lists = [read_class_names(file) for file in files]
    return list(dict.fromkeys(label for labels in lists for label in labels)) if lists else None


def _inferred_classes(examples: Iterable[TextExample]) -> list[str]:
    """Numbers in their order, before names in theirs."""
    found = {example.label for example in examples}
    return sorted(found, key=lambda label: (not label.isdecimal(), int(label) if label.isdecimal() else 0, label))
