"""Token tagging: from words and tags to features, and from logits back to one tag a word."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.checks import check_main_score
from xtremedistil_tf.tasks.entity_scores import entity_scores
from xtremedistil_tf.tasks.languages import with_languages
from xtremedistil_tf.tasks.task import Task, TaskFeatures
from xtremedistil_tf.tokenization.windows import Window, cut_windows
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, encode_words
from xtremedistil_tf.training.losses import label_loss, logit_loss, total


@dataclasses.dataclass(frozen=True)
class TaggingFeatures:
    """Features in which every word is answered once, however long the sentence.

    Attributes:
        features: column `input_ids`, one row per window.
        windows: for each row, (sentence index, window, word index of each answer).
        num_words: words of each sentence.
        prefix: number of special tokens before the pieces.
    """

    features: RaggedFeatures
    windows: list[tuple[int, Window, np.ndarray]]
    num_words: list[int]
    prefix: int


class TaggingTask(Task):
    """One tag for every word; the first piece of a word answers for it, other pieces never count.

    Columns: `input_ids`, `word_starts` (1.0 at the first piece of each word) and, where labelled,
    `labels` (0 where `word_starts` is 0).
    """

    kind = "tagging"
    auto_class = "TokenClassification"
    per_piece = True

    def __init__(self, labels: Sequence[str], main_score: str = "f1"):
        super().__init__(labels)
        self.main_score = check_main_score(main_score, ("f1", "precision", "recall"))

    @property
    def text_columns(self) -> dict[str, Column]:
        return {"input_ids": Column(np.int32), "word_starts": Column(np.float32)}

    @property
    def label_columns(self) -> dict[str, Column]:
        return {"labels": Column(np.int32)}

    def training_features(self, tokenizer: Any, examples: Sequence[Example], seq_len: int) -> TaskFeatures:
        special = SpecialTokens.of(tokenizer)
        index = {label: i for i, label in enumerate(self.labels)}
        rows, truncated = [], 0
        for example, encoded in zip(examples, encode_words(tokenizer, (e.words for e in examples))):
            row, cut = _text_row(encoded, special, seq_len)
            kept = len(row["input_ids"]) - len(special)
            tags = np.array([index[tag] for tag in example.tags or ()], np.int32)
            row["labels"] = special.wrap(tags[encoded.word_ids[:kept]], fill=0)
            row["labels"] *= row["word_starts"].astype(np.int32)
            rows.append(row)
            truncated += cut
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns | self.label_columns), truncated)

    def text_features(self, tokenizer: Any, examples: Iterable[Example], seq_len: int) -> TaskFeatures:
        special = SpecialTokens.of(tokenizer)
        rows, truncated = [], 0
        for encoded in encode_words(tokenizer, (e.words for e in examples)):
            row, cut = _text_row(encoded, special, seq_len)
            rows.append(row)
            truncated += cut
        return TaskFeatures(RaggedFeatures.from_rows(rows, self.text_columns), truncated)

    def prediction_features(self, tokenizer: Any, examples: Iterable[Example],
                            max_length: int | None) -> TaggingFeatures:
        """Longer sentences than `max_length` become overlapping windows."""
        special = SpecialTokens.of(tokenizer)
        room = None if max_length is None else max_length - len(special)
        rows, windows, num_words = [], [], []
        for number, encoded in enumerate(encode_words(tokenizer, (e.words for e in examples))):
            num_words.append(encoded.num_words)
            for window in cut_windows(encoded, room):
                rows.append({"input_ids": special.wrap(encoded.ids[window.start:window.stop])})
                windows.append((number, window, encoded.word_ids[window.answers]))
        features = RaggedFeatures.from_rows(rows, {"input_ids": Column(np.int32)})
        return TaggingFeatures(features, windows, num_words, len(special.prefix))

    def decode(self, features: TaggingFeatures, row_logits: Sequence[np.ndarray]) -> list[list[str]]:
        """One tag per word. A word without pieces (control characters only) is tagged `O`."""
        outside = "O" if "O" in self.labels else self.labels[0]
        tags = [[outside] * n for n in features.num_words]
        for (number, window, words), logits in zip(features.windows, row_logits):
            positions = window.answers - window.start + features.prefix
            for word, label in zip(words, logits[positions].argmax(-1)):
                tags[number][word] = self.labels[label]
        return tags

    def scores(self, examples: Sequence[Example], predictions: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Entity scores, see `entity_scores`."""
        return with_languages(entity_scores, self.main_score, [e.tags for e in examples], predictions,
                              [e.language for e in examples])

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        return label_loss(batch["labels"], logits, batch["word_starts"])

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        return logit_loss(batch["teacher_logits"], logits, batch["word_starts"])

    def answered(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return batch["word_starts"]

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return total(batch["word_starts"])


def _text_row(encoded: EncodedWords, special: SpecialTokens, seq_len: int) -> tuple[dict[str, np.ndarray], bool]:
    """One unlabelled sentence as columns `input_ids` and `word_starts`, and whether it was cut."""
    room = seq_len - len(special)
    row = {"input_ids": special.wrap(encoded.ids[:room]),
           "word_starts": special.wrap(encoded.word_starts[:room].astype(np.float32), fill=0)}
    return row, len(encoded.ids) > room
