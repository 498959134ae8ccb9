"""What students made of an embedding table, a body, a projection and a head have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.training.losses import answers_where


class ShapedStudent(tf_keras.Model):
    """Base of all students.

    Attributes:
        shape: what it was made from, a `Shape`.
    """

    Shape: ClassVar[type]

    def __init__(self, shape: Any, name: str):
        super().__init__(name=name)
        self.shape = shape

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the same student of, with fresh weights; JSON-able."""
        return {"shape": dataclasses.asdict(self.shape)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
        """A built student of this shape, with fresh weights."""
        student = cls(cls.Shape(**config["shape"]))
        student.build_variables()
        return student

    def build_variables(self) -> None:
        """Makes the variables by one call on a small batch."""
        raise NotImplementedError


HEAD, PROJECTION, EMBEDDING = "head", "projection", "embedding"
#: `projection_size` where none is asked for. The layer matters to the score, its width hardly does.
DEFAULT_PROJECTION = 128
#: `projection_size`: as wide as the teacher (XtremeDistil).
TEACHERS_WIDTH = -1


def projection_size(asked: int, teacher_width: int) -> int:
    """Width of the projection for a value of `projection_size`."""
    if asked == TEACHERS_WIDTH:
        return teacher_width
    return asked or min(DEFAULT_PROJECTION, teacher_width)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectedShape:
    """What the shapes of such students share; a subclass has `teacher_width`, 0 where the student shows its own states.

    Attributes:
        dropout: rate after the embeddings and after the body.
        piece_dropout: rate at which whole pieces are dropped from the input, in training.
        per_piece: whether the head answers for every piece, or once for the whole input.
        freeze_word_embedding: the embedding table never trains.
        projection_size: width of the projection; 0: `teacher_width`, as in directories of earlier versions.
    """

    dropout: float = 0.2
    piece_dropout: float = 0.0
    per_piece: bool = True
    freeze_word_embedding: bool = False
    projection_size: int = 0

    if TYPE_CHECKING:  # a field here would come before those of the subclass
        teacher_width: int

    @property
    def projection_width(self) -> int:
        """Width of the projection."""
        return self.projection_size or self.teacher_width

    @property
    def maps_to_teacher(self) -> bool:
        """Whether stage 1 needs a map from the projection on to the teacher's width."""
        return self.teacher_width not in (0, self.projection_width)

    @property
    def deployed(self) -> Any:
        """The shape without that map."""
        return dataclasses.replace(self, teacher_width=0) if self.maps_to_teacher else self

    def with_vocabulary(self, size: int, pad_token_id: int) -> Any:
        """The same with another number of pieces."""
        return dataclasses.replace(self, vocab_size=size)


class ProjectedStudent(ShapedStudent):
    """Word pieces -> embedding -> dropout -> body -> dropout -> GELU projection -> head.

    The projection is shared over time steps (XtremeDistil: z_s = GELU(W_f h + b_f)). Where it is not as wide as the
    teacher, a linear map on to that width serves the representation loss; it is no part of the deployed student.

    Subclasses build the body and call `_embedded` and `_answers`.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time], padding on the right, and, where
    a loss reads the logits alone, `answered`, see `training.losses.answers_where`. Output: dict with `logits` float32
    [batch, time, num_outputs] or [batch, num_outputs], and `representations`, a tuple of one tensor
    [batch, time, width], as wide as the teacher or, deployed, as the projection; an empty one with `answered`.
    """

    #: The student has no longest input: sentences are never cut into windows.
    max_length = None

    def __init__(self, shape: Any, name: str):
        super().__init__(shape, name)
        self.embedding = tf_keras.layers.Embedding(shape.vocab_size, shape.embedding_size, name=EMBEDDING)
        self.embedding_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.piece_dropout = (tf_keras.layers.Dropout(shape.piece_dropout, noise_shape=(None, None, 1))
                              if shape.piece_dropout else None)

    def _add_head(self) -> None:
        """Makes the layers above the body, once the subclass has made those of the body."""
        shape = self.shape
        self.body_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.projection = tf_keras.layers.Dense(shape.projection_width, activation="gelu", name=PROJECTION)
        self.head = tf_keras.layers.Dense(shape.num_outputs, dtype="float32", name=HEAD)
        # Last, so that it takes no random numbers from the others.
        self.to_teacher = (tf_keras.layers.Dense(shape.teacher_width, name="to_teacher")
                           if shape.maps_to_teacher else None)

    def _embedded(self, input_ids: tf.Tensor, training: bool) -> tf.Tensor:
        """float [batch, time, E]; in training some values are dropped, and some pieces whole."""
        embedded = self.embedding(input_ids)
        if self.piece_dropout:
            embedded = self.piece_dropout(embedded, training=training)
        return self.embedding_dropout(embedded, training=training)

    def _answers(self, states: tf.Tensor, training: bool, answered: tf.Tensor | None = None) -> dict[str, Any]:
        """The outputs from the body's states [batch, time, width]; in training with `answered` [batch, time] the
        logits alone, and those alone that it asks for."""
        if training and answered is not None:
            return {"logits": self._wanted_logits(states, answered), "representations": ()}
        projected = self.projection(self.body_dropout(states, training=training))
        logits = self.head(projected if self.shape.per_piece else projected[:, 0])
        representation = self.to_teacher(projected) if self.to_teacher else projected
        return {"logits": logits, "representations": (representation,)}

    def _wanted_logits(self, states: tf.Tensor, answered: tf.Tensor) -> tf.Tensor:
        def answer(states: tf.Tensor) -> tf.Tensor:
            return self.head(self.projection(self.body_dropout(states, training=True)))

        return answers_where(answered, states, answer) if self.shape.per_piece else answer(states[:, 0])

    @property
    def _body_groups(self) -> Mapping[str, Sequence[tf_keras.layers.Layer]]:
        """The layers of each group of the body, from the top down."""
        raise NotImplementedError

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down."""
        return self.shape.groups

    @property
    def layer_groups(self) -> dict[str, Sequence[tf_keras.layers.Layer]]:
        """The layers of each group."""
        to_teacher = [self.to_teacher] if self.to_teacher else []
        return {HEAD: [self.head], PROJECTION: [self.projection, *to_teacher], **self._body_groups,
                EMBEDDING: [self.embedding]}

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
    def deployed_shape(self) -> Any:
        """The shape without what only distillation needs; `copy_deployed` fills it."""
        return self.shape.deployed

    def copy_deployed(self, student: ProjectedStudent) -> None:
        """Gives a student of `deployed_shape` this one's weights, so that it answers the same."""
        dropped = {id(v) for v in self.to_teacher.variables} if self.to_teacher else set()
        student.set_weights([v.numpy() for v in self.weights if id(v) not in dropped])
