"""Token tagging: from words and tags to features, and from logits back to one tag a word."""

from __future__ import annotations

import dataclasses
from typing import Iterable, Sequence

import numpy as np

from xtremedistil_tf.batching.ragged import RaggedFeatures
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tokenization.windows import Window, cut_windows
from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, encode_words

_TRAINING_COLUMNS = {"input_ids": np.int32, "word_starts": np.float32, "labels": np.int32}
_TEXT_COLUMNS = {"input_ids": np.int32, "word_starts": np.float32}


@dataclasses.dataclass(frozen=True)
class TrainingFeatures:
    """Labelled features for training.

    Attributes:
        features: columns `input_ids`, `word_starts` (1.0 at the first piece of each word: the only
            pieces that count in losses) and `labels` (0 where `word_starts` is 0).
        truncated: number of sentences that were cut at seq_len.
    """

    features: RaggedFeatures
    truncated: int


def training_features(tokenizer, examples: Sequence[Example], labels: Sequence[str],
                      seq_len: int) -> TrainingFeatures:
    """Encodes labelled sentences; longer ones than `seq_len` pieces (special tokens included) are cut."""
    special = SpecialTokens.of(tokenizer)
    index = {label: i for i, label in enumerate(labels)}
    rows, truncated = [], 0
    for example, encoded in zip(examples, encode_words(tokenizer, (e.words for e in examples))):
        row, cut = text_row(encoded, special, seq_len)
        kept = len(row["input_ids"]) - len(special)
        tags = np.array([index[tag] for tag in example.tags], np.int32)
        row["labels"] = special.wrap(tags[encoded.word_ids[:kept]], fill=0)
        row["labels"] *= row["word_starts"].astype(np.int32)
        rows.append(row)
        truncated += cut
    return TrainingFeatures(RaggedFeatures.from_rows(rows, _TRAINING_COLUMNS), truncated)


def text_row(encoded: EncodedWords, special: SpecialTokens, seq_len: int) -> tuple[dict[str, np.ndarray], bool]:
    """One unlabelled sentence as columns `input_ids` and `word_starts`, and whether it was cut."""
    room = seq_len - len(special)
    row = {"input_ids": special.wrap(encoded.ids[:room]),
           "word_starts": special.wrap(encoded.word_starts[:room].astype(np.float32), fill=0)}
    return row, len(encoded.ids) > room


def text_features(tokenizer, sentences: Iterable[Sequence[str]], seq_len: int) -> TrainingFeatures:
    """Encodes unlabelled sentences as `training_features` does, without labels."""
    special = SpecialTokens.of(tokenizer)
    rows, truncated = [], 0
    for encoded in encode_words(tokenizer, sentences):
        row, cut = text_row(encoded, special, seq_len)
        rows.append(row)
        truncated += cut
    return TrainingFeatures(RaggedFeatures.from_rows(rows, _TEXT_COLUMNS), truncated)


@dataclasses.dataclass(frozen=True)
class PredictionFeatures:
    """Features for prediction, in which every word is answered once, however long the sentence.

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


def prediction_features(tokenizer, sentences: Iterable[Sequence[str]],
                        max_length: int | None) -> PredictionFeatures:
    """Encodes sentences for prediction.

    Args:
        tokenizer: fast tokenizer of transformers.
        sentences: pre-split words.
        max_length: pieces that the model takes at once, special tokens included; longer sentences
            become overlapping windows. None: no limit (a BiLSTM).
    """
    special = SpecialTokens.of(tokenizer)
    room = None if max_length is None else max_length - len(special)
    rows, windows, num_words = [], [], []
    for number, encoded in enumerate(encode_words(tokenizer, sentences)):
        num_words.append(encoded.num_words)
        for window in cut_windows(encoded, room):
            rows.append({"input_ids": special.wrap(encoded.ids[window.start:window.stop])})
            windows.append((number, window, encoded.word_ids[window.answers]))
    return PredictionFeatures(RaggedFeatures.from_rows(rows, {"input_ids": np.int32}), windows,
                              num_words, len(special.prefix))


def decode(features: PredictionFeatures, row_logits: Sequence[np.ndarray],
           labels: Sequence[str]) -> list[list[str]]:
    """One tag per word. A word without pieces (control characters only) is tagged `O`.

    Args:
        features: what `prediction_features` made.
        row_logits: for each row float32 [pieces of the row, labels].
        labels: label names.
    """
    outside = "O" if "O" in labels else labels[0]
    tags = [[outside] * n for n in features.num_words]
    for (number, window, words), logits in zip(features.windows, row_logits):
        positions = window.answers - window.start + features.prefix
        for word, label in zip(words, logits[positions].argmax(-1)):
            tags[number][word] = labels[label]
    return tags
