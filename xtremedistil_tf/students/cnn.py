"""A convolutional student: residual blocks of dilated convolutions."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.projected import EMBEDDING, HEAD, PROJECTION, ProjectedShape, ProjectedStudent
from xtremedistil_tf.training.losses import ANSWERED

#: Distances between the three pieces that a block reads, block by block, again and again.
DILATIONS = (1, 2, 4, 8)


@dataclasses.dataclass(frozen=True)
class CNNShape(ProjectedShape):
    """Sizes of a convolutional student.

    Attributes:
        vocab_size: pieces of the tokenizer (rows of the embedding table).
        embedding_size: E.
        channels: C, width of the blocks.
        num_blocks: L.
        teacher_width: width of the teacher's hidden states, which stage 1 compares with; 0 in a deployed
            student whose projection has another width.
        num_outputs: width of the logits.
        gated: gated linear units (GLU) in the blocks instead of ReLU, with twice the weights.

    The others are those of `ProjectedShape`.
    """

    vocab_size: int
    embedding_size: int
    channels: int
    num_blocks: int
    teacher_width: int
    num_outputs: int
    gated: bool = False

    @property
    def dilations(self) -> tuple[int, ...]:
        """One for each block, the lowest first."""
        return tuple(itertools.islice(itertools.cycle(DILATIONS), self.num_blocks))

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down: the order of gradual unfreezing."""
        return tuple(itertools.chain.from_iterable(self.blocks))

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The groups for unfreezing in coarser steps, in which all blocks are one."""
        body = tuple(block_group(number) for number in range(self.num_blocks, 0, -1))
        return ((HEAD,), (PROJECTION,), body, *([(EMBEDDING,)] * (not self.freeze_word_embedding)))


def block_group(number: int) -> str:
    """Name of the group of a block, 1 being the lowest."""
    return f"block_{number}"


class CNNStudent(ProjectedStudent):
    """A `ProjectedStudent` whose body is a linear map to C channels and L residual blocks.

    A block is x -> LayerNorm(x + ReLU(conv(x))), conv having width 3 and the next one of `DILATIONS`; a piece reads
    as many pieces on either side as these sum up to: 15 with 4 blocks, 18 with 6, 30 with 8. What is beyond the input
    counts as zero, and so does padding, so an answer does not depend on how much padding a batch holds.

    Where one answer is wanted for the whole input, the first piece has a linear map of the maximum and the mean over
    all pieces, so that it corresponds to the teacher's first piece.
    """

    kind = "cnn"
    Shape = CNNShape

    def __init__(self, shape: CNNShape):
        super().__init__(shape, "cnn_student")
        self.widen = tf_keras.layers.Dense(shape.channels, name="widen")
        self.blocks = [ConvolutionBlock(shape.channels, dilation, shape.gated, name=block_group(number))
                       for number, dilation in enumerate(shape.dilations, 1)]
        self.pooling = None if shape.per_piece else tf_keras.layers.Dense(shape.channels, name="pooling")
        self._add_head()

    @property
    def _body_groups(self) -> Mapping[str, Sequence[tf_keras.layers.Layer]]:
        """The layers of each block, with what is below the lowest and above the topmost."""
        found: dict[str, list[tf_keras.layers.Layer]] = {block.name: [block] for block in reversed(self.blocks)}
        found[self.blocks[0].name].append(self.widen)
        if self.pooling:
            found[self.blocks[-1].name].append(self.pooling)
        return found

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        embedded = self._embedded(inputs["input_ids"], training)
        states = self.widen(embedded)
        mask = tf.cast(inputs["attention_mask"], states.dtype)[:, :, None]
        states *= mask
        for block in self.blocks:
            states = block(states, mask)
        if self.pooling:
            states = self._summary_first(states, mask, inputs["attention_mask"])
        return self._answers(states, training, inputs.get(ANSWERED))

    def _summary_first(self, states: tf.Tensor, mask: tf.Tensor, attention_mask: tf.Tensor) -> tf.Tensor:
        """Gives the first step the summary of all real ones."""
        # The first piece is always real. A large negative number instead would be beyond what int8 can hold.
        largest = tf.reduce_max(tf.where(mask > 0, states, states[:, :1]), 1)
        lengths = tf.cast(tf.reduce_sum(attention_mask, 1, keepdims=True), states.dtype)
        mean = tf.reduce_sum(states, 1) * (1 / lengths)
        summary = self.pooling(tf.concat([largest, mean], -1))
        return tf.concat([summary[:, None], states[:, 1:]], 1)


class ConvolutionBlock(tf_keras.layers.Layer):
    """Residual convolution of width 3, layer normalisation, zero at padding.

    The convolution is one matrix product over three shifted copies of the states: TensorFlow's dilated convolution is
    seven times slower to train in bfloat16, and int8 runtimes have matrix products.

    Args:
        channels: width of the states.
        dilation: distance between the three steps that are read.
        gated: a gated linear unit instead of ReLU.
    """

    def __init__(self, channels: int, dilation: int, gated: bool, name: str):
        super().__init__(name=name)
        self._dilation, self._gated = dilation, gated
        self.convolution = tf_keras.layers.Dense((1 + gated) * channels, name="convolution")
        # Above an epsilon of 1e-5 Keras takes another way, which converters do not know for what it is.
        self.normalization = tf_keras.layers.LayerNormalization(epsilon=1e-5, name="normalization")

    def call(self, states: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """float [batch, time, channels], zero where `mask` [batch, time, 1] is -> the same."""
        distance = self._dilation
        wider = tf.pad(states, [[0, 0], [distance, distance], [0, 0]])
        new = self.convolution(tf.concat([wider[:, :-2 * distance], states, wider[:, 2 * distance:]], -1))
        if self._gated:
            value, gate = tf.split(new, 2, -1)
            new = value * tf.sigmoid(gate)
        else:
            new = tf.nn.relu(new)
        return self.normalization(states + new) * mask
