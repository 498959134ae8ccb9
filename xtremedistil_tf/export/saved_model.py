"""SavedModel: raw strings or token ids in, tags out, answering as the Keras student does."""

from __future__ import annotations

import logging
import os
from typing import Sequence

import tensorflow as tf

from xtremedistil_tf.atomic import atomic_directory

log = logging.getLogger(__name__)

TOKEN_IDS, RAW_STRINGS = "token_ids", "raw_strings"


class _TokenIdModel(tf.Module):
    """Holds the student's variables, and the graph from token ids to labels."""

    def __init__(self, student, labels: Sequence[str]):
        super().__init__()
        self.student_variables = student.variables
        self.labels = tf.constant(list(labels))
        self._student = student

    @tf.function
    def token_ids(self, input_ids, attention_mask):
        """int32 [batch, time] each -> `logits` and `probabilities` float32 [batch, time, labels],
        `label_ids` int32 [batch, time]."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        logits = self._student(inputs, training=False)["logits"]
        return {"logits": logits, "probabilities": tf.nn.softmax(logits),
                "label_ids": tf.argmax(logits, -1, output_type=tf.int32)}


class _RawStringModel(_TokenIdModel):
    """Adds the tokenizer's graph in front and the decoding of tags behind."""

    def __init__(self, student, labels: Sequence[str], tokenizer):
        super().__init__(student, labels)
        from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece

        self.tokenizer = InGraphWordPiece.from_tokenizer(tokenizer)
        self._outside = labels.index("O") if "O" in labels else 0

    @tf.function
    def raw_strings(self, texts):
        """string [batch] -> per whitespace word, padded with "" and -1: `words`, `tags` string, `scores`
        float32, `starts`, `ends` int32 (character offsets), each [batch, words]; and `word_counts`
        int32 [batch]."""
        split = self.tokenizer.tokenize(texts)
        encoded = self.tokenizer.encode(split["pieces"])
        ids, starts = encoded["input_ids"], encoded["word_starts"]
        mask = tf.sequence_mask(ids.row_lengths(), dtype=tf.int32)
        answers = self.token_ids(ids.to_tensor(self.tokenizer.pad_id), mask)
        positions = tf.maximum(starts, 0).to_tensor()
        has_pieces = tf.greater_equal(starts.to_tensor(-1), 0)
        label_ids = tf.where(has_pieces, tf.gather(answers["label_ids"], positions, batch_dims=1), self._outside)
        scores = tf.where(has_pieces, tf.gather(tf.reduce_max(answers["probabilities"], -1), positions,
                                                batch_dims=1), 1.0)
        counts = tf.cast(starts.row_lengths(), tf.int32)
        is_word = tf.sequence_mask(counts)
        return {"words": split["words"].to_tensor(""),
                "tags": tf.where(is_word, tf.gather(self.labels, label_ids), ""),
                "scores": tf.where(is_word, scores, -1.0),
                "starts": split["starts"].to_tensor(-1), "ends": split["ends"].to_tensor(-1),
                "word_counts": counts}


def export_saved_model(path: str | os.PathLike, student, tokenizer, labels: Sequence[str]) -> None:
    """Writes a SavedModel.

    Signatures: `token_ids`, and for WordPiece vocabularies `raw_strings`. `serving_default` is
    `raw_strings` where there is one. A program that loads a model with `raw_strings` must import
    tensorflow_text first.

    Args:
        path: folder of the SavedModel; replaced whole.
        student: float32 student.
        tokenizer: its fast tokenizer.
        labels: label names.
    """
    from xtremedistil_tf.tokenization.in_graph import InGraphWordPiece

    raw = InGraphWordPiece.supports(tokenizer)
    module = _RawStringModel(student, labels, tokenizer) if raw else _TokenIdModel(student, labels)
    ids = tf.TensorSpec([None, None], tf.int32)
    signatures = {TOKEN_IDS: module.token_ids.get_concrete_function(
        tf.TensorSpec(ids.shape, ids.dtype, "input_ids"), tf.TensorSpec(ids.shape, ids.dtype, "attention_mask"))}
    if raw:
        signatures[RAW_STRINGS] = module.raw_strings.get_concrete_function(tf.TensorSpec([None], tf.string, "texts"))
    else:
        log.info("SavedModel: the vocabulary is no WordPiece one, so there is no raw-string signature")
    signatures["serving_default"] = signatures[RAW_STRINGS if raw else TOKEN_IDS]
    with atomic_directory(path) as part:
        tf.saved_model.save(module, str(part), signatures=signatures)
