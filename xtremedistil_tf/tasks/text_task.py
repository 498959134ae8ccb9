"""What the kinds share that give one answer for a text or a pair of texts: their task and their files."""

from __future__ import annotations

import abc
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.corpus.class_checks import check_classes, class_order
from xtremedistil_tf.corpus.classified import FORMATS, OTHER_FORMATS, read_texts
from xtremedistil_tf.corpus.example import Given, TextExample
from xtremedistil_tf.corpus.files import Faults, file_language, quoted
from xtremedistil_tf.corpus.kinds import Kind, Record, is_column
from xtremedistil_tf.corpus.label_files import read_class_names
from xtremedistil_tf.corpus.published import HubRows, all_unlabeled, text_columns
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.tasks.targets import Softening, Targets
from xtremedistil_tf.tasks.task import Task, TaskFeatures, check_examples
from xtremedistil_tf.tokenization.texts import encode_texts
from xtremedistil_tf.training.batches import Column, RaggedFeatures

if TYPE_CHECKING:
    import tensorflow as tf


_MOST_CHARACTERS = 500
#: Columns of a data set of the hub that may hold a text's label.
LABEL_COLUMNS = ("label", "labels", "score", "coarse_label", "intent")
_ROW_FORMS = ("(text, label), of pairs (text, pair, label), or a mapping with text and label",
              "a text, of pairs (text, pair), or a mapping with text")


def excerpt(text: str, around: int = 0) -> str:
    """At most 500 characters of a text, from a little before the character `around`, with "…" where it was cut."""
    begin = max(0, min(around - _MOST_CHARACTERS // 4, len(text) - _MOST_CHARACTERS))
    end = begin + _MOST_CHARACTERS
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")


def text_kind(pairs: bool, read: Callable[..., list[TextExample]], read_labels: Callable[..., list[str] | None],
              infer_labels: Callable[..., list[str]]) -> Kind:
    """How labelled texts are kept in files; see `Kind`."""
    return Kind(FORMATS, read, functools.partial(_texts, pairs=pairs), read_labels, infer_labels,
                functools.partial(_record, pairs=pairs), _ROW_FORMS, other_formats=OTHER_FORMATS)


def _record(row: Any, labelled: bool, pairs: bool) -> Record | None:
    if isinstance(row, TextExample):
        return {"text": row.text, "text_pair": row.pair, "label": row.label, "language": row.language}
    if isinstance(row, Mapping):
        return {key: value for key, value in row.items() if isinstance(key, str)}
    row = (row,) if isinstance(row, str) else row
    if not is_column(row) or len(row) != 1 + pairs + labelled:
        return None
    return dict(zip(["text", *(["text_pair"] if pairs else []), "label"], row))


def _texts(path: str, reading: Reading = BY_CONTENT, pairs: bool = False) -> Iterator[TextExample]:
    for file in text_files(path):
        yield from read_texts(file, pairs, file_language(file), reading)


def text_rows(data: Any, label: str, pairs: bool, name: str, value: Callable[[Any], Any],
              labels: Callable[[Mapping[str, Sequence[TextExample]]], list[str]],
              columns: Sequence[str] = LABEL_COLUMNS) -> HubRows:
    """How rows of a data set of the hub become labelled texts.

    Args:
        data: a split of the data set.
        label: the column of the label.
        pairs: whether examples are pairs of texts.
        name: of the data set, for messages.
        value: value of the label's column -> label; None: the row is not labelled.
        labels: examples by split -> labels of the task.
        columns: all columns that may hold a label.
    """
    texts = text_columns(data, label, pairs, name)

    def read(row: dict[str, Any], source: str, number: int) -> TextExample | None:
        found = value(row[label])
        parts = [row[column] for column in texts]
        if found is None or not all(isinstance(part, str) and part.strip() for part in parts):
            return None
        return TextExample(parts[0], parts[1] if pairs else None, found, None, source, number)

    return HubRows(labels, read, lambda test: all_unlabeled(test, columns))


def united_labels(files: Sequence[os.PathLike[str]]) -> list[str] | None:
    """The labels of label files, None without any. Raises DataError where two files differ."""
    lists = {os.fspath(file): read_class_names(file) for file in files}
    first = next(iter(lists), "")
    for file, names in lists.items():
        # An index must mean the same class in every language.
        if names != lists[first]:
            raise DataError(f"{file}: other classes, or another order, than in {first}. Expected the same in all "
                            "label files; keep one labels.tsv, in the task folder.")
    return lists[first] if lists else None


def inferred_labels(splits: Mapping[str, Sequence[TextExample]],
                    labels_of: Callable[[TextExample], Iterable[Any]] | None = None) -> list[str]:
    """The classes of the training examples: numbers in their order, before names in theirs.

    Args:
        splits: examples by split.
        labels_of: the labels of an example; None: the class that it has.

    Raises:
        DataError: there is one class only, or another split has a class that training has not; or the classes are too
            many to be any, or several labels each.
    """
    if labels_of is None:
        check_classes(splits["train"])
    labels_of = labels_of or _class_of
    found: set[Any] = {label for example in splits["train"] for label in labels_of(example)}
    classes = sorted(found, key=class_order)
    if len(classes) < 2:
        source = splits["train"][0].source
        raise DataError(f"{source}: only the class {', '.join(map(quoted, classes))}, expected at least two. "
                        "Add examples of other classes, or name all classes in labels.tsv.")
    faults: dict[str, Faults] = {}
    for example in itertools.chain(*splits.values()):
        for label in labels_of(example):
            if label not in found:
                faults.setdefault(example.source, Faults(example.source)).add(
                    example.line, f"class {quoted(label)} does not occur in the training examples; labels.tsv with "
                                  "all classes lets it stand")
    for of_source in faults.values():
        of_source.raise_if_any()
    return classes


def _class_of(example: TextExample) -> tuple[Any, ...]:
    return (example.label,)


class TextTask(Task):
    """One answer for the whole input.

    Columns: `input_ids`, `token_type_ids` and, where labelled, `labels` (one value an example).
    """

    auto_class = "SequenceClassification"
    per_piece = False
    mixes = "pairs"

    @abc.abstractmethod
    def label_problem(self, label: Any) -> str | None:
        """What is wrong with the label of an example, or None."""

    @abc.abstractmethod
    def target(self, label: Any) -> Any:
        """What stands in the column `labels`."""

    def shown_answer(self, answer: Any) -> str | float:
        """A label or a prediction, for people to read."""
        return str(answer)

    @property
    def text_columns(self) -> dict[str, Column]:
        return {"input_ids": Column(np.int32), "token_type_ids": Column(np.int32)}

    def training_features(self, tokenizer: Any, examples: Sequence[TextExample], seq_len: int) -> TaskFeatures:
        """Raises DataError where a label is missing or not one of the task's."""
        check_examples(examples, lambda example: self.label_problem(example.label))
        rows, truncated = _rows(tokenizer, examples, seq_len)
        for row, example in zip(rows, examples):
            row["labels"] = self.target(example.label)
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns | self.label_columns), truncated)

    def text_features(self, tokenizer: Any, examples: Iterable[TextExample], seq_len: int) -> TaskFeatures:
        return self.prediction_features(tokenizer, examples, seq_len)

    def prediction_features(self, tokenizer: Any, examples: Iterable[TextExample],
                            max_length: int | None) -> TaskFeatures:
        """One row per example; longer texts than `max_length` are cut."""
        rows, truncated = _rows(tokenizer, examples, max_length)
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns), truncated)

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import logit_loss

        return logit_loss(batch["teacher_logits"], logits, ones(batch))

    def answer_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        from xtremedistil_tf.training.losses import answer_loss

        return answer_loss(batch["teacher_logits"], logits, ones(batch), batch.get("teacher_known"))

    def store_given(self, tokenizer: Any, examples: Sequence[TextExample], features: RaggedFeatures, seq_len: int,
                    softening: Softening) -> Targets:
        rows = [self.given_target(example.given or (), softening) for example in examples]
        logits = np.stack(rows).astype(np.float32)
        return Targets(logits, np.ones_like(logits))

    def given_target(self, given: Given, softening: Softening) -> np.ndarray:
        """float32 [outputs], what stands for logits of what teachers said.

        Raises:
            ConfigError: the kind does not learn from answers.
        """
        raise ConfigError(f"`transfer_labels` is not for tasks of the kind {self.kind}, which does not say what an "
                          "answer means to it.")

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        from xtremedistil_tf.training.losses import total

        return total(ones(batch))

    def disagreement(self, example: TextExample, teacher: Any, student: Any) -> dict[str, Any]:
        texts = {name: excerpt(text) for name, text in (("text", example.text), ("pair", example.pair))
                 if text is not None}
        answers = {"gold": example.label, "teacher": teacher, "student": student}
        return texts | {name: self.shown_answer(answer) for name, answer in answers.items()}


def ones(batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """float32 [batch]: every example counts once."""
    import tensorflow as tf

    return tf.ones(tf.shape(batch["input_ids"])[:1])


def _rows(tokenizer: Any, examples: Iterable[TextExample],
          max_length: int | None) -> tuple[list[dict[str, Any]], int]:
    """Columns of every example, and how many were cut."""
    texts = [(example.text, example.pair) for example in examples]
    rows, truncated = [], 0
    for encoded in encode_texts(tokenizer, (t for t, _ in texts), (p for _, p in texts), max_length):
        rows.append({"input_ids": encoded.ids, "token_type_ids": encoded.token_type_ids})
        truncated += encoded.truncated
    return rows, truncated
