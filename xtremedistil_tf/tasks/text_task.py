"""What the kinds share that give one answer for a text or a pair of texts."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.tasks.checks import check_examples
from xtremedistil_tf.tasks.excerpts import excerpt
from xtremedistil_tf.tasks.task import Task, TaskFeatures
from xtremedistil_tf.tokenization.texts import encode_texts

if TYPE_CHECKING:
    import tensorflow as tf


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
