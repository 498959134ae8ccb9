"""What a loaded teacher is to the rest of the program, whatever runs it (TensorFlow, torch, ONNX)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.task import Task

#: batch (`input_ids`, `attention_mask`, `token_type_ids`: [batch, time]) -> name -> array, see `forward`.
Forward = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Relations:
    """Relations between the pieces of an input, see `training.relations`.

    Attributes:
        kinds: which, out of the letters q, k and v.
        layer: 1 for the first.
        heads: relation heads.
    """

    kinds: str
    layer: int
    heads: int


@dataclasses.dataclass(frozen=True)
class TeacherSignals:
    """Which of a teacher's inner workings are wanted.

    Attributes:
        hidden: layers whose hidden states are; 0 for the embedding output, -1 for the top layer.
        attentions: layers whose attention maps are; 1 for the first, -1 for the top one.
        relations: which relations are, if any.
    """

    hidden: tuple[int, ...] = ()
    attentions: tuple[int, ...] = ()
    relations: Relations | None = None


def refuse_relations(relations: Relations | None) -> None:
    """Raises ConfigError where a backend that cannot give relations is asked for them."""
    if relations:
        raise ConfigError("`distil_relations` needs `teacher_backend=tf`, which provides queries, keys and values. "
                          "Omit it, or use `distil_attention`.")


class LoadedTeacher(Protocol):
    """A teacher that answers a task. `TeacherPredictor` runs it over many examples."""

    @property
    def task(self) -> Task:
        """What it answers."""

    @property
    def num_layers(self) -> int:
        """Layers whose hidden states can be had."""

    @property
    def width(self) -> int:
        """Of the hidden states."""

    @property
    def parameters(self) -> int:
        """Number of float parameters."""

    def forward(self, layers: tuple[int, ...] = (), attentions: tuple[int, ...] = (),
                relations: Relations | None = None) -> Forward:
        """A function that runs the teacher on padded batches, in float32 and without dropout.

        Args:
            layers: hidden states to return, 0 for the embedding output, -1 for the top layer.
            attentions: layers whose attention maps to return, 1 for the first, -1 for the top one.
            relations: relations to return.

        Returns:
            A function of a batch. Its result has `logits`, float32 [batch, time, outputs] or [batch,
            outputs] in the order of the task's labels; with `layers`, `hidden` [batch, time, layers,
            width]; with `attentions`, `attentions` [batch, time, layers, heads, time], rows (second axis)
            being the pieces that attend; with `relations`, `relations` [batch, time, kinds, heads, time].

        Raises:
            ConfigError: the teacher has no such layers, or the backend cannot give relations.
        """

    def word_embeddings(self) -> np.ndarray:
        """float32 [vocab, width of the embeddings].

        Raises:
            ModelLoadError: they cannot be found.
        """
