"""The BiLSTM student of XtremeDistil (system A)."""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

HEAD, PROJECTION, BILSTM, EMBEDDING = "head", "projection", "bilstm", "embedding"


@dataclasses.dataclass(frozen=True)
class BiLSTMShape:
    """Sizes of a BiLSTM student.

    Attributes:
        vocab_size: pieces of the tokenizer (rows of the embedding table).
        embedding_size: E.
        lstm_units: H, each direction.
        teacher_width: width of the teacher's hidden states, onto which the student is projected.
        num_labels: classes of the head.
        dropout: rate after the embeddings and after the BiLSTM.
    """

    vocab_size: int
    embedding_size: int
    lstm_units: int
    teacher_width: int
    num_labels: int
    dropout: float = 0.2


class BiLSTMStudent(tf_keras.Model):
    """Word pieces -> embedding -> dropout -> BiLSTM -> dropout -> GELU projection -> head.

    The projection is shared over time steps (XtremeDistil: z_s = GELU(W_f h + b_f)). The LSTMs skip
    padded steps, so an answer does not depend on how much padding a batch holds.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time], padding on the
    right. Output: dict with `logits` float32 [batch, time, num_labels] and `representation`
    [batch, time, teacher_width].
    """

    def __init__(self, shape: BiLSTMShape):
        super().__init__(name="bilstm_student")
        self.shape = shape
        self.embedding = tf_keras.layers.Embedding(shape.vocab_size, shape.embedding_size, name=EMBEDDING)
        self.embedding_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.bilstm = tf_keras.layers.Bidirectional(
            tf_keras.layers.LSTM(shape.lstm_units, return_sequences=True), name=BILSTM)
        self.bilstm_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.projection = tf_keras.layers.Dense(shape.teacher_width, activation="gelu", name=PROJECTION)
        self.head = tf_keras.layers.Dense(shape.num_labels, dtype="float32", name=HEAD)

    #: The student has no longest input: sentences are never cut into windows.
    max_length = None

    @property
    def layer_groups(self) -> dict[str, Sequence[tf_keras.layers.Layer]]:
        """Name -> layers, from the top down: the order of gradual unfreezing."""
        return {HEAD: [self.head], PROJECTION: [self.projection], BILSTM: [self.bilstm],
                EMBEDDING: [self.embedding]}

    def call(self, inputs, training=False):
        mask = tf.cast(inputs["attention_mask"], tf.bool)
        states = self.embedding_dropout(self.embedding(inputs["input_ids"]), training=training)
        states = self.bilstm_dropout(self.bilstm(states, mask=mask, training=training), training=training)
        representation = self.projection(states)
        return {"logits": self.head(representation), "representation": representation}

    def build_variables(self) -> None:
        """Makes the variables by one call on a batch of one piece."""
        ones = tf.ones((1, 1), tf.int32)
        self({"input_ids": ones, "attention_mask": ones})

    def set_word_embeddings(self, table: np.ndarray) -> None:
        """Sets the embedding table, float32 [vocab_size, embedding_size]."""
        self.embedding.set_weights([table])

    def unfreeze(self, groups: Sequence[str]) -> None:
        """Makes exactly the named groups trainable; the others get no gradient and no backward pass."""
        for name, layers in self.layer_groups.items():
            for layer in layers:
                layer.trainable = name in groups
