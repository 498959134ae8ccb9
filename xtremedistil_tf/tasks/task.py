"""What a task is to the rest of the program: features, losses, decoding and scores behind one interface."""

from __future__ import annotations

import abc
import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.corpus.example import AnyExample

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class TaskFeatures:
    """Features for training, or of the transfer set.

    Attributes:
        features: the task's columns; the first is `input_ids`.
        truncated: number of examples that were cut at seq_len.
    """

    features: RaggedFeatures
    truncated: int


class PredictionFeatures(Protocol):
    """Features for prediction, with what `decode` needs to put the answers together.

    Attributes:
        features: one row per input of the model; an example may have several (windows).
    """

    features: RaggedFeatures


class Task(abc.ABC):
    """A kind of task with its labels.

    Attributes:
        kind: name of the kind, as in configurations.
        auto_class: ending of the transformers classes with a head for it, such as `TokenClassification`.
        per_piece: whether a model answers for every piece (logits [batch, time, outputs]) or once for
            the whole input (logits [batch, outputs]).
        main_score: key in `scores` that chooses the best weights and that retention is a ratio of.
        labels: names of the outputs; what they mean is the task's own.
    """

    kind: ClassVar[str]
    auto_class: ClassVar[str]
    per_piece: ClassVar[bool]
    main_score: str
    #: Whether `labels` are classes that a checkpoint's config names.
    names_outputs: ClassVar[bool] = True

    def __init__(self, labels: Sequence[str]):
        self.labels = list(labels)

    @property
    def options(self) -> dict[str, Any]:
        """JSON-able arguments of the constructor besides the labels."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names if name != "labels"}

    @property
    def scored_by(self) -> dict[str, Any]:
        """What decides the main score of given logits, JSON-able, as far as it is not what it always was before
        fingerprints had it: part of the fingerprint of everything that is chosen by score."""
        parameter = inspect.signature(type(self)).parameters.get("main_score")
        return {} if parameter is None or parameter.default == self.main_score else {"main_score": self.main_score}

    @property
    def num_outputs(self) -> int:
        """Width of the logits."""
        return len(self.labels)

    @property
    @abc.abstractmethod
    def text_columns(self) -> dict[str, Column]:
        """Columns of unlabelled features, `input_ids` first. These go into the transfer store."""

    @property
    @abc.abstractmethod
    def label_columns(self) -> dict[str, Column]:
        """The columns that labelled features have besides."""

    @abc.abstractmethod
    def training_features(self, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int) -> TaskFeatures:
        """Encodes labelled examples; longer ones than `seq_len` pieces (special tokens included) are cut."""

    @abc.abstractmethod
    def text_features(self, tokenizer: Any, examples: Iterable[AnyExample], seq_len: int) -> TaskFeatures:
        """Encodes examples as `training_features` does, without labels; one row per example."""

    @abc.abstractmethod
    def prediction_features(self, tokenizer: Any, examples: Iterable[AnyExample],
                            max_length: int | None) -> PredictionFeatures:
        """Encodes examples for prediction.

        Args:
            tokenizer: fast tokenizer of transformers.
            examples: examples, labelled or not.
            max_length: pieces that the model takes at once, special tokens included; None: no limit.
        """

    @abc.abstractmethod
    def decode(self, features: PredictionFeatures, row_logits: Sequence[np.ndarray]) -> list[Any]:
        """One prediction per example, in order.

        Args:
            features: what `prediction_features` made.
            row_logits: for each row float32 [pieces of the row, outputs], or [outputs].
        """

    def decode_scored(self, features: PredictionFeatures, row_logits: Sequence[np.ndarray]) -> list[Any]:
        """As `decode`, with what tells how sure each prediction is, where that is no part of it already."""
        return self.decode(features, row_logits)

    @abc.abstractmethod
    def scores(self, examples: Sequence[AnyExample], predictions: Sequence[Any]) -> dict[str, Any]:
        """Scores of predictions on labelled examples, with `main_score` among them, higher being better.

        Where languages are known, `per_language` {language: scores}, and `mean_<main_score>` and
        `std_<main_score>` over the languages.
        """

    def head_bias(self, examples: Sequence[AnyExample]) -> list[float] | None:
        """What a new student's head starts from, [outputs], given the labelled examples; None: zeros."""
        return None

    def label_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Loss against the gold labels of a batch, float32 scalar."""
        raise NotImplementedError

    def logit_loss(self, batch: Mapping[str, tf.Tensor], logits: tf.Tensor) -> tf.Tensor:
        """Loss against `teacher_logits` of a batch, float32 scalar."""
        raise NotImplementedError

    def answered(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """[batch, time], above 0 at the pieces whose answers the losses read; all that are no padding, unless a task
        knows better."""
        return batch["attention_mask"]

    def weight_of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """float32 scalar: how many answers the losses of a batch are means over."""
        raise NotImplementedError
