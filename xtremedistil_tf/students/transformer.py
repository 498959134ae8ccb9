"""The transformer student of XtremeDistilTransformers (system B)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.checkpoints.reading import find_word_embeddings
from xtremedistil_tf.students.encoders import config_of, is_pooler, make_encoder
from xtremedistil_tf.students.projected import EMBEDDING, HEAD, PROJECTION, ShapedStudent
from xtremedistil_tf.training.batches import PADDED_TO
from xtremedistil_tf.training.losses import attention_dropout_holder, encoder_layers, query_key_value, relations


@dataclasses.dataclass(frozen=True)
class TransformerShape:
    """Sizes of a transformer student, and what of its inner workings it shows for distillation.

    Attributes:
        encoder: Hugging Face configuration, from `encoders.new_encoder` or a checkpoint.
        num_outputs: width of the logits.
        per_piece: whether the head answers for every piece, or once for the whole input.
        mapped_layers: states given as `representations`, bottom first; 0 is the embedding output, i the
            output of layer i.
        teacher_width: width onto which each of these is projected; 0, or the student's own: no projection.
        attentions: whether the attention maps of the mapped layers are given.
        relations: kinds of relations of the top layer that are given, out of the letters q, k, v.
        relation_heads: heads of these.
        dropout: rate before projections and head.
        freeze_word_embedding: the table of word embeddings never trains.
    """

    encoder: Mapping[str, Any]
    num_outputs: int
    per_piece: bool = True
    mapped_layers: tuple[int, ...] = ()
    teacher_width: int = 0
    attentions: bool = False
    relations: str = ""
    relation_heads: int = 0
    dropout: float = 0.1
    freeze_word_embedding: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "mapped_layers", tuple(self.mapped_layers))

    @functools.cached_property
    def config(self) -> Any:
        """The encoder's configuration as transformers has it."""
        return config_of(self.encoder)

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def hidden_size(self) -> int:
        return self.config.hidden_size

    @property
    def embedding_size(self) -> int:
        """Width of the word-embedding table."""
        return getattr(self.config, "embedding_size", self.hidden_size)

    @property
    def num_hidden_layers(self) -> int:
        return self.config.num_hidden_layers

    @property
    def projected(self) -> bool:
        """Whether the mapped states pass through projections."""
        return bool(self.mapped_layers) and self.teacher_width not in (0, self.hidden_size)

    def with_vocabulary(self, size: int, pad_token_id: int) -> TransformerShape:
        """The same with another number of pieces."""
        return dataclasses.replace(self, encoder={**self.encoder, "vocab_size": size,
                                                  "pad_token_id": pad_token_id})

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down: the order of gradual unfreezing."""
        layers = (layer_group(i) for i in range(self.num_hidden_layers, 0, -1))
        return (HEAD, *([PROJECTION] * self.projected), *layers, EMBEDDING)

    @property
    def blocks(self) -> tuple[tuple[str, ...], ...]:
        """The groups for unfreezing in coarser steps, in which all layers of the encoder are one."""
        layers = tuple(layer_group(i) for i in range(self.num_hidden_layers, 0, -1))
        return ((HEAD,), *([(PROJECTION,)] * self.projected), layers, (EMBEDDING,))

    @property
    def representation_steps(self) -> tuple[tuple[str, ...], ...]:
        """For each mapped state the groups between the one below and it: progressive knowledge transfer."""
        steps, below = [], 0
        for number, state in enumerate(self.mapped_layers):
            layers = [layer_group(i) for i in range(state, below, -1)]
            steps.append((*([PROJECTION] * self.projected), *layers, *([EMBEDDING] * (number == 0))))
            below = state
        return tuple(steps)


def layer_group(number: int) -> str:
    """Name of the group of a layer, 1 being the lowest."""
    return f"layer_{number}"


class TransformerStudent(ShapedStudent):
    """Encoder of transformers -> dropout -> projections to the teacher's width -> head.

    The head reads the top state through its projection where it has one (XtremeDistilTransformers), at
    every piece or at the first. Projections are linear, one for each mapped state; all but the top one
    serve only distillation, see `deployed_shape`.

    Inputs of `call`: dict with `input_ids` and `attention_mask`, int32 [batch, time], padding on the
    right, and optionally `token_type_ids`. Output: dict with
        `logits` float32 [batch, time, num_outputs] or [batch, num_outputs];
        `representations`, a tuple of [batch, time, width] for each mapped state;
        `attentions` if asked, a tuple of [batch, heads, time, time] for each mapped state but 0, the
            probabilities before dropout;
        `relations` if asked, float32 [batch, time, kinds, heads, time], of the top layer.

    Raises (constructor):
        ConfigError: the encoder cannot do what the shape asks.
    """

    kind = "transformer"
    Shape = TransformerShape

    def __init__(self, shape: TransformerShape):
        super().__init__(shape, "transformer_student")
        self.encoder = make_encoder(shape.config)
        self.projections, self.projection_dropouts = [], []
        if shape.projected:
            for state in shape.mapped_layers:
                self.projections.append(tf_keras.layers.Dense(shape.teacher_width,
                                                              name=f"{PROJECTION}_{state}"))
                self.projection_dropouts.append(tf_keras.layers.Dropout(shape.dropout))
        self.head_dropout = tf_keras.layers.Dropout(shape.dropout)
        self.head = tf_keras.layers.Dense(shape.num_outputs, dtype="float32", name=HEAD)
        self._takes_token_types = getattr(shape.config, "type_vocab_size", 0) > 1
        self._unfrozen = shape.groups
        self._taps = self._tap_attentions() if shape.attentions else []

    @property
    def max_length(self) -> int:
        """Most pieces of an input, special tokens included; batches are padded to a multiple of 4 of them."""
        # RoBERTa and its kin number positions from the padding id on.
        padding = getattr(self._main().embeddings, "padding_idx", None)
        positions = self.shape.config.max_position_embeddings - (0 if padding is None else padding + 1)
        return positions // PADDED_TO * PADDED_TO

    @property
    def groups(self) -> tuple[str, ...]:
        """Layer groups from the top down."""
        return self.shape.groups

    @property
    def layer_groups(self) -> dict[str, Sequence[tf_keras.layers.Layer]]:
        """The layers of each group. The group of the embeddings also owns what all layers share (relative
        positions in MPNet and DeBERTa), see `variables_of`."""
        layers = encoder_layers(self.encoder)
        found = {HEAD: [self.head]} | ({PROJECTION: list(self.projections)} if self.projections else {})
        found |= {layer_group(i): [layers[i - 1]] for i in range(len(layers), 0, -1)}
        below = [getattr(self._main(), name) for name in ("embeddings", "embeddings_project")
                 if hasattr(self._main(), name)]
        return found | {EMBEDDING: below}

    @property
    def variables_of(self) -> dict[str, list[tf.Variable]]:
        """The variables of each group that can train."""
        found = {name: [v for layer in layers for v in layer.variables]
                 for name, layers in self.layer_groups.items() if name != EMBEDDING}
        elsewhere = {id(v) for variables in found.values() for v in variables}
        if self.shape.freeze_word_embedding:
            elsewhere.add(id(self.word_embeddings))
        found[EMBEDDING] = [v for v in self.encoder.variables if id(v) not in elsewhere and not is_pooler(v)]
        return found

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, Any]:
        names = ("input_ids", "attention_mask", *(["token_type_ids"] * self._takes_token_types))
        arguments = {name: inputs[name] for name in names if name in inputs}
        states = self.encoder(**arguments, output_hidden_states=True, training=training).hidden_states
        mapped = [states[i] for i in self.shape.mapped_layers]
        top = self.head_dropout(states[-1], training=training)
        if self.projections:
            mapped = [projection(dropout(state, training=training)) for projection, dropout, state
                      in zip(self.projections, self.projection_dropouts, mapped)]
            if self.shape.mapped_layers[-1] == self.shape.num_hidden_layers:
                top = mapped[-1]
        outputs = {"logits": self.head(top if self.shape.per_piece else top[:, 0]),
                   "representations": tuple(mapped)}
        if self._taps:
            outputs["attentions"] = tuple(tap.take() for tap in self._taps)
        if self.shape.relations:
            tensors = query_key_value(encoder_layers(self.encoder)[-1], states[-2])
            outputs["relations"] = relations(*tensors, self.shape.relation_heads, inputs["attention_mask"],
                                             self.shape.relations)
        return outputs

    def build_variables(self) -> None:
        """Makes the variables by one call on a batch of one piece."""
        ones = tf.ones((1, 1), tf.int32)
        self({"input_ids": ones, "attention_mask": ones})

    def set_word_embeddings(self, table: np.ndarray) -> None:
        """Sets the embedding table, float32 [vocab_size, embedding_size]."""
        self.word_embeddings.assign(table)

    @property
    def word_embeddings(self) -> tf.Variable:
        """float32 [vocab_size, embedding_size]."""
        return find_word_embeddings(self.encoder)

    def unfreeze(self, groups: Sequence[str]) -> None:
        """Makes exactly the named groups trainable; the others get no gradient and no backward pass."""
        self._unfrozen = tuple(groups)

    # Keras's switch sits on layers, which is too coarse: containers own variables beside their layers',
    # and a frozen table has unfrozen neighbours in its layer.
    @property
    def trainable_weights(self) -> list[tf.Variable]:
        """The variables of the unfrozen groups."""
        return [v for name, variables in self.variables_of.items() if name in self._unfrozen
                for v in variables]

    @property
    def non_trainable_weights(self) -> list[tf.Variable]:
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def deployed_shape(self) -> TransformerShape:
        """The shape without what only distillation needs; `copy_deployed` fills it."""
        top = (self.shape.num_hidden_layers,)
        return dataclasses.replace(self.shape, attentions=False, relations="", relation_heads=0,
                                   mapped_layers=top if top[0] in self.shape.mapped_layers else ())

    def copy_deployed(self, student: TransformerStudent) -> None:
        """Gives a student of `deployed_shape` this one's weights, so that it answers the same."""
        student.encoder.set_weights(self.encoder.get_weights())
        student.head.set_weights(self.head.get_weights())
        for projection in student.projections:
            projection.set_weights(self.projections[-1].get_weights())

    def _main(self) -> Any:
        return getattr(self.encoder, self.encoder.base_model_prefix)

    def _tap_attentions(self) -> list[_AttentionTap]:
        layers, taps = encoder_layers(self.encoder), []
        for state in self.shape.mapped_layers:
            if state:
                holder = attention_dropout_holder(layers[state - 1])
                holder.dropout = _AttentionTap(holder.dropout.rate, name=holder.dropout.name)
                taps.append(holder.dropout)
        return taps


class _AttentionTap(tf_keras.layers.Dropout):
    """Dropout on attention probabilities, which can be taken out as they were before it: what an encoder of
    transformers returns itself is what dropout left of them."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        self._probabilities = inputs
        return super().call(inputs, training=training)

    def take(self) -> tf.Tensor:
        """float32 [batch, heads, time, time] of the last call; only once, so that no graph is kept alive."""
        taken, self._probabilities = self._probabilities, None
        return tf.cast(taken, tf.float32)
