"""What a TensorFlow Lite file answers to raw strings: what the kinds of tasks share."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorflow as tf

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.frame import Frame


@dataclasses.dataclass(frozen=True)
class LitePieces:
    """The input that logits are for.

    Attributes:
        pieces: of each text: `ids`, `word_starts`, and, where `has_offsets`, `starts` and `ends`, [pieces].
        frame: the special tokens around the texts.
        no_answer_at: position that stands for "no answer".
        has_offsets: whether the tokenizer tells where pieces stand in the text.
    """

    pieces: Sequence[Any]
    frame: Frame
    no_answer_at: int
    has_offsets: bool


class LiteAnswers(tf.Module, abc.ABC):
    """From the logits of one input to the outputs of `raw_strings`.

    Args:
        task: what is answered.
    """

    #: Whether there can be no file where the tokenizer does not tell where pieces stand.
    needs_offsets: ClassVar[bool] = False

    def __init__(self, task: Task):
        super().__init__()

    def inputs(self, pairs: bool) -> tuple[str, ...]:
        """Names of the inputs, each string [1]."""
        return ("texts", "pairs")[:1 + pairs]

    def kept(self, first: tf.Tensor, second: tf.Tensor, room: int) -> list[tf.Tensor]:
        """How many pieces of each of two texts are kept: the longer one gives way until both are equal, as in
        `texts.longest_first`."""
        half = room // 2
        rounded = tf.where(first > second, room - half, half)
        return [tf.maximum(room - second, rounded), tf.maximum(room - first, room - rounded)]

    @abc.abstractmethod
    def answers(self, logits: tf.Tensor, texts: LitePieces) -> dict[str, tf.Tensor]:
        """float32 [time, outputs] or [outputs] -> the outputs."""
