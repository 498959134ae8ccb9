"""The BiLSTM student of XtremeDistil (system A)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.fused_lstm import FusedBidirectional
from xtremedistil_tf.students.lstm import LSTM
from xtremedistil_tf.students.projected import EMBEDDING, HEAD, PROJECTION, ProjectedShape, ProjectedStudent
from xtremedistil_tf.training.answered import ANSWERED

BILSTM = "bilstm"


@dataclasses.dataclass(frozen=True)
class BiLSTMShape(ProjectedShape):
    """Sizes of a BiLSTM student.

    Attributes:
        vocab_size: pieces of the tokenizer (rows of the embedding table).
        embedding_size: E.
        lstm_units: H, each direction.
        teacher_width: width of the teacher's hidden states, which stage 1 compares with; 0 in a deployed
            student whose projection has another width.
        num_outputs: width of the logits.

    The others are those of `ProjectedShape`.
    """

    vocab_size: int
    embedding_size: int
    lstm_units: int
    teacher_width: int
    num_outputs: int

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down: the order of gradual unfreezing."""
        return (HEAD, PROJECTION, BILSTM, *([EMBEDDING] * (not self.freeze_word_embedding)))

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The groups for unfreezing in coarser steps; there are none here."""
        return tuple((group,) for group in self.groups)


class BiLSTMStudent(ProjectedStudent):
    """A `ProjectedStudent` whose body is one bidirectional LSTM.

    The LSTMs skip padded steps, so an answer does not depend on how much padding a batch holds. Where one answer is
    wanted for the whole input, the first piece has the last states of both directions (XtremeDistil,
    classification), so that it corresponds to the teacher's first piece.
    """

    kind = "bilstm"
    Shape = BiLSTMShape

    def __init__(self, shape: BiLSTMShape):
        super().__init__(shape, "bilstm_student")
        self.bilstm = FusedBidirectional(
            LSTM(shape.lstm_units, return_sequences=True, name="lstm"), name=BILSTM)
        self._add_head()

    @property
    def _body_groups(self) -> Mapping[str, Sequence[tf_keras.layers.Layer]]:
        return {BILSTM: [self.bilstm]}

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        mask = tf.cast(inputs["attention_mask"], tf.bool)
        states = self._embedded(inputs["input_ids"], training)
        states = self.bilstm(states, mask=mask, training=training)
        if not self.shape.per_piece:
            states = _summary_first(states, mask)
        return self._answers(states, training, inputs.get(ANSWERED))


def _summary_first(states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Gives the first step the forward LSTM's state at the last real step; the backward one's is there."""
    width = states.shape[-1] // 2
    last = tf.maximum(tf.reduce_sum(tf.cast(mask, tf.int32), 1) - 1, 0)
    forward = tf.gather(states[:, :, :width], last, batch_dims=1)
    first = tf.concat([forward, states[:, 0, width:]], -1)
    return tf.concat([first[:, None], states[:, 1:]], 1)
