"""Where each kind of task keeps its examples, and how they are read."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xtremedistil_tf.corpus import classified, squad, tagged
from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.corpus.faults import Faults, quoted
from xtremedistil_tf.corpus.labels import infer_labels, read_class_names, read_labels
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.text import read_text, text_files
from xtremedistil_tf.errors import ConfigError, DataError

_SPLITS = {"train": ("train",), "dev": ("dev", "valid", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Kind:
    """How a kind of task is kept in files.

    Attributes:
        formats: suffixes of its labelled files.
        read: (path, labels or None, language or None) -> labelled examples.
        read_unlabeled: path -> examples without labels.
        read_labels: label files -> labels.
        infer_labels: {split: examples} -> labels, where there is no label file.
        versioned: whether `train-v1.1` is a train file too.
    """

    formats: tuple[str, ...]
    read: Callable[..., Sequence[AnyExample]]
    read_unlabeled: Callable[[str], Iterator[AnyExample]]
    read_labels: Callable[[Sequence[os.PathLike[str]]], list[str] | None]
    infer_labels: Callable[[Mapping[str, Sequence[Any]]], list[str]]
    versioned: bool = False

    def split_of(self, stem: str) -> str | None:
        """The split that a file's stem names, None if it names none."""
        bare = re.sub(r"[-_]v\d[\d.]*$", "", stem) if self.versioned else stem
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
        return Kind(tuple(tagged.FORMATS), tagged.read_tagged, read_text, _united_tags, _inferred_tags)
    if name == "question_answering":
        return Kind(squad.FORMATS, lambda path, labels, language: squad.read_squad(path, language, "required"),
                    _questions, lambda files: ["start", "end"], lambda splits: ["start", "end"], versioned=True)
    texts = functools.partial(_texts, pairs=pairs)
    if name == "classification":
        return Kind(classified.FORMATS, lambda path, labels, language: classified.read_classified(
            path, pairs, labels, language), texts, _united_classes, inferred_classes)
    if name == "regression":
        return Kind(classified.FORMATS, lambda path, labels, language: classified.read_classified(
            path, pairs, None, language, True), texts, lambda files: ["score"], lambda splits: ["score"])
    raise ConfigError(f"kind of task {name!r}: expected tagging, classification, regression or question_answering.")


def read_labelled(path: str | os.PathLike[str], kind: str, pairs: bool = False,
                  labels: Sequence[str] | None = None) -> list[AnyExample]:
    """Reads one labelled file of a kind of task.

    Raises:
        DataError: see the kind's reader.
    """
    return list(kind_named(kind, pairs).read(path, labels, None))


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
        yield from squad.read_squad(file, file_language(file), "ignored")


def _united_tags(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    lists = [read_labels(file) for file in files]
    return list(dict.fromkeys(["O"] + [label for labels in lists for label in labels])) if lists else None


def _inferred_tags(splits: Mapping[str, Sequence[Example]]) -> list[str]:
    return infer_labels(example for examples in splits.values() for example in examples)


def _united_classes(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    lists = {os.fspath(file): read_class_names(file) for file in files}
    first = next(iter(lists), "")
    for file, names in lists.items():
        # An index must mean the same class in every language.
        if names != lists[first]:
            raise DataError(f"{file}: other classes, or another order, than in {first}. Expected the same in all "
                            "label files; keep one labels.tsv, in the task folder.")
    return lists[first] if lists else None


def inferred_classes(splits: Mapping[str, Sequence[TextExample]]) -> list[str]:
    """The classes of the training examples: numbers in their order, before names in theirs.

    Raises:
        DataError: there is one class only, or another split has a class that training has not.
    """
    found: set[Any] = {example.label for example in splits["train"]}
    classes = sorted(found, key=lambda label: (not _is_number(label), int(label) if _is_number(label) else 0, label))
    if len(classes) < 2:
        source = splits["train"][0].source
        raise DataError(f"{source}: only the class {', '.join(map(quoted, classes))}, expected at least two. "
                        "Add examples of other classes, or name all classes in labels.tsv.")
    faults: dict[str, Faults] = {}
    for example in (e for examples in splits.values() for e in examples if e.label not in found):
        faults.setdefault(example.source, Faults(example.source)).add(
            example.line, f"class {quoted(example.label)} does not occur in the training examples")
    for of_source in faults.values():
        of_source.raise_if_any()
    return classes


def _is_number(label: str) -> bool:
    return re.fullmatch("-?[0-9]{1,9}", label) is not None
