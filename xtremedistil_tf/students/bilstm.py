"""The BiLSTM student of XtremeDistil (system A)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.answered import ANSWERED, answers_where
from xtremedistil_tf.students.fused_lstm import FusedBidirectional
from xtremedistil_tf.students.lstm import LSTM

HEAD, PROJECTION, BILSTM, EMBEDDING = "head", "projection", "bilstm", "embedding"


@dataclasses.dataclass(frozen=True)
class BiLSTMShape:
    """Sizes of a BiLSTM student.

    Attributes:
        vocab_size: pieces of the tokenizer (rows of the embedding table).
        embedding_size: E.
        lstm_units: H, each direction.
        teacher_width: width of the teacher's hidden states, onto which the student is projected.
        num_outputs: width of the logits.
        dropout: rate after the embeddings and after the BiLSTM.
        per_piece: whether the head answers for every piece, or once for the whole input.
        freeze_word_embedding: the embedding table never trains.
    """

    vocab_size: int
    embedding_size: int
    lstm_units: int
    teacher_width: int
    num_outputs: int
    dropout: float = 0.2
    per_piece: bool = True
    freeze_word_embedding: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down: the order of gradual unfreezing."""
        return (HEAD, PROJECTION, BILSTM, *([EMBEDDING] * (not self.freeze_word_embedding)))

    def with_vocabulary(self, size: int, pad_token_id: int) -> BiLSTMShape:
        """The same with another number of pieces."""
        return dataclasses.replace(self, vocab_size=size)

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The groups for unfreezing in coarser steps; there are none here."""
        return tuple((group,) for group in self.groups)


class BiLSTMStudent(tf_keras.Model):
    """Word pieces -> embedding -> dropout -> BiLSTM -> dropout -> GELU projection -> head.

    The projection is shared over time steps (XtremeDistil: z_s = GELU(W_f h + b_f)). The LSTMs skip
    padded steps, so an answer does not depend on how much padding a batch holds. Where one answer is
    wanted for the whole input, the first piece has the last states of both directions (XtremeDistil,
    classification), so that it corresponds to the teacher's first piece.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time], padding on the
    right; in training also `answered`, see `students.answered`, with which there are no
    representations. Output: dict with `logits` float32 [batch, time, num_outputs] or [batch, num_outputs], and
    `representations`, a tuple of one tensor [batch, time, teacher_width].
    """

    kind = "bilstm"
    Shape = BiLSTMShape

    def __init__(self, shape: BiLSTMShape):
        super().__init__(name="bilstm_student")
        self.shape = shape
        self.embedding = tf_keras.layers.Embedding(shape.vocab_size, shape.embedding_size, name=EMBEDDING)
        self.embedding_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.bilstm = FusedBidirectional(
            LSTM(shape.lstm_units, return_sequences=True, name="lstm"), name=BILSTM)
        self.bilstm_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.projection = tf_keras.layers.Dense(shape.teacher_width, activation="gelu", name=PROJECTION)
        self.head = tf_keras.layers.Dense(shape.num_outputs, dtype="float32", name=HEAD)

    #: The student has no longest input: sentences are never cut into windows.
    max_length = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down."""
        return self.shape.groups

    @property
    def layer_groups(self) -> dict[str, Sequence[tf_keras.layers.Layer]]:
        """The layers of each group."""
        return {HEAD: [self.head], PROJECTION: [self.projection], BILSTM: [self.bilstm],
                EMBEDDING: [self.embedding]}

    def get_config(self) -> dict[str, Any]:
        return dataclasses.asdict(self.shape)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        mask = tf.cast(inputs["attention_mask"], tf.bool)
        states = self.embedding_dropout(self.embedding(inputs["input_ids"]), training=training)
        states = self.bilstm(states, mask=mask, training=training)
        if not self.shape.per_piece:
            states = _summary_first(states, mask)
        if training and ANSWERED in inputs:
            return {"logits": self._wanted_logits(states, inputs[ANSWERED]), "representations": ()}
        representation = self.projection(self.bilstm_dropout(states, training=training))
        logits = self.head(representation if self.shape.per_piece else representation[:, 0])
        return {"logits": logits, "representations": (representation,)}

    def _wanted_logits(self, states: tf.Tensor, answered: tf.Tensor) -> tf.Tensor:
        """In training, without projecting what the loss does not read."""

        def answer(states: tf.Tensor) -> tf.Tensor:
            return self.head(self.projection(self.bilstm_dropout(states, training=True)))

        return answers_where(answered, states, answer) if self.shape.per_piece else answer(states[:, 0])

    def build_variables(self) -> None:
        """Makes the variables by one call on a batch of one piece."""
        ones = tf.ones((1, 1), tf.int32)
        self({"input_ids": ones, "attention_mask": ones})

    def set_word_embeddings(self, table: np.ndarray) -> None:
        """Sets the embedding table, float32 [vocab_size, embedding_size]."""
        self.embedding.set_weights([table])

    @property
    def word_embeddings(self) -> tf.Variable:
        """float32 [vocab_size, embedding_size]."""
        return self.embedding.embeddings

    def unfreeze(self, groups: Sequence[str]) -> None:
        """Makes exactly the named groups trainable; the others get no gradient and no backward pass."""
        for name, layers in self.layer_groups.items():
            for layer in layers:
                layer.trainable = name in groups

    @property
    def deployed_shape(self) -> BiLSTMShape:
        """The shape without what only distillation needs: all of it, as the head reads the projection."""
        return self.shape

    def copy_deployed(self, student: BiLSTMStudent) -> None:
        """Gives a student of `deployed_shape` this one's weights, so that it answers the same."""
        student.set_weights(self.get_weights())


def _summary_first(states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Gives the first step the forward LSTM's state at the last real step; the backward one's is there."""
    width = states.shape[-1] // 2
    last = tf.maximum(tf.reduce_sum(tf.cast(mask, tf.int32), 1) - 1, 0)
    forward = tf.gather(states[:, :, :width], last, batch_dims=1)
    first = tf.concat([forward, states[:, 0, width:]], -1)
    return tf.concat([first[:, None], states[:, 1:]], 1)
