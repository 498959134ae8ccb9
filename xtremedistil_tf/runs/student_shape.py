"""From the configuration of a run to its student: kind, shape, and the layers of the teacher it imitates."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, cast

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.distillation.signals import (
    LayerMap,
    check_attention_heads,
    layer_map,
    top_pair,
)
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs.phase_settings import signal_of
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import checkpoint_encoder, new_encoder
from xtremedistil_tf.students.projected import projection_size
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import Relations, TeacherSignals
from xtremedistil_tf.training.batches import PADDED_TO

#: The strategy of `direct_baseline`: labels alone.
BASELINE = "D0S"
StudentShape = BiLSTMShape | CNNShape | TransformerShape
# Flags that only a transformer student has.
_ENCODER_FLAGS = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                  "pt_student_checkpoint", "compress_word_embedding")
_NO_TEACHER_WIDTH = 128
_SIGNAL_FLAGS = ("distil_multi_hidden_states", "distil_attention", "distil_relations", "progressive_transfer")
_OWN_FLAGS = {"transformer": _ENCODER_FLAGS + _SIGNAL_FLAGS, "cnn": ("cnn_channels", "cnn_blocks", "cnn_gated")}


@dataclasses.dataclass(frozen=True)
class TeacherSizes:
    """Layers, width of the hidden states and attention heads of the teacher."""

    layers: int
    width: int
    heads: int


def student_kind(config: DistillationConfig) -> str:
    """`bilstm`, `cnn` or `transformer`.

    Raises:
        ConfigError: flags that only another kind has.
    """
    given = {kind: names for kind, flags in _OWN_FLAGS.items()
             if (names := [name for name in flags if getattr(config, name)])}
    kind, asked = config.student_type, f"`student_type={config.student_type}`"
    if kind == "auto" and given:
        kind, names = next(iter(given.items()))
        asked = f"`{names[0]}`"
    elif kind == "auto":
        kind = "bilstm"
    for other, names in given.items():
        if other != kind:
            raise ConfigError(f"{asked}: `{names[0]}` is for {other} students only. Omit one of them.")
    if kind == "transformer" and config.projection_size:
        raise ConfigError(f"{asked}: `projection_size` is not for transformer students, whose head reads the "
                          "hidden states. Omit one of them.")
    return kind


def needs_no_teacher(config: DistillationConfig) -> bool:
    """Whether a run only fine-tunes a checkpoint on labels: task-agnostic students on their target tasks; or has the
    teacher's answers in a file."""
    only_fine_tunes = config.strategy == BASELINE and config.pt_student_checkpoint
    return bool(config.transfer_labels or (only_fine_tunes and not config.compress_word_embedding))


def student_shape(config: DistillationConfig, tokenizer: Any, task: Task, teacher: TeacherSizes | None,
                  checkpoint: str = "") -> StudentShape:
    """The shape of the run's student.

    Args:
        config: of the run.
        tokenizer: the teacher's, which is the student's too.
        task: what it answers.
        teacher: sizes of the teacher; None where there is none.
        checkpoint: resolved `pt_student_checkpoint`, if any.

    Raises:
        ConfigError: flags that contradict each other, the teacher or the checkpoint.
    """
    kind = student_kind(config)
    if kind != "transformer":
        # Without a teacher's states nothing is mapped to their width.
        width = teacher.width if teacher else max(config.projection_size, 0) or _NO_TEACHER_WIDTH
        shared: dict[str, Any] = {
            "vocab_size": len(tokenizer), "embedding_size": config.embedding_size, "teacher_width": width,
            "num_outputs": task.num_outputs, "dropout": config.dropout, "per_piece": task.per_piece,
            "freeze_word_embedding": config.freeze_word_embedding,
            "projection_size": projection_size(config.projection_size, width),
            "piece_dropout": config.piece_dropout}
        if kind == "cnn":
            return CNNShape(channels=config.cnn_channels or 128, num_blocks=config.cnn_blocks or 4,
                            gated=config.cnn_gated, **shared)
        return BiLSTMShape(lstm_units=config.lstm_units, **shared)
    shape = TransformerShape(_encoder(config, tokenizer, checkpoint), task.num_outputs, task.per_piece,
                             dropout=_transformer_dropout(config),
                             freeze_word_embedding=config.freeze_word_embedding)
    _check_length(config, shape)
    if teacher is None:
        return shape
    signal = signal_of(config)
    pairs = layer_pairs(config, shape, teacher)
    if signal.attention_weight:
        check_attention_heads(shape.config.num_attention_heads, teacher.heads)
    return dataclasses.replace(
        shape, mapped_layers=tuple(student for student, _ in pairs), attentions=bool(signal.attention_weight),
        teacher_width=teacher.width if signal.hidden_weight else 0,
        relations=config.distil_relations if signal.relation_weight else "",
        relation_heads=_relation_heads(config, shape, teacher) if signal.relation_weight else 0)


def layer_pairs(config: DistillationConfig, shape: StudentShape, teacher: TeacherSizes) -> LayerMap:
    """Pairs (index of the student's state, teacher's layer), in the order of the student's
    `representations`. Attention maps are those of the pairs whose first number is not 0.

    For a BiLSTM or a convolutional student it is one pair, by default with the layer three fifths of the way up
    (7 of 12, XtremeDistil's best).
    """
    if not isinstance(shape, TransformerShape):
        return top_pair(top_layer(config, teacher), 1, teacher.layers)
    if config.distil_multi_hidden_states or config.distil_attention or config.progressive_transfer:
        return layer_map(config.layer_map, shape.num_hidden_layers, teacher.layers)
    return top_pair(config.teacher_layer, shape.num_hidden_layers, teacher.layers)


def top_layer(config: DistillationConfig, teacher: TeacherSizes) -> int:
    """The layer whose states a BiLSTM imitates, and whose means an embedding table is made of."""
    return config.teacher_layer or max(1, round(0.6 * teacher.layers))


def teacher_signals(config: DistillationConfig, shape: StudentShape, pairs: LayerMap) -> TeacherSignals:
    """What the store must keep of the teacher, in the order of the student's outputs."""
    signal = signal_of(config)
    hidden = tuple(teacher for _, teacher in pairs) if signal.hidden_weight else ()
    attentions = tuple(teacher for student, teacher in pairs if student) if signal.attention_weight else ()
    if not signal.relation_weight:
        return TeacherSignals(hidden, attentions)
    transformer = cast(TransformerShape, shape)  # see `student_kind`
    relations = Relations(transformer.relations, pairs[-1][1], transformer.relation_heads)
    return TeacherSignals(hidden, attentions, relations)


def wants_piece_states(config: DistillationConfig) -> bool:
    """Whether the student's table is made of the teacher's states over the transfer text."""
    return starts_from_teacher_embeddings(config) and config.embedding_init == "teacher_states"


def starts_from_teacher_embeddings(config: DistillationConfig) -> bool:
    """Whether the student's table is the teacher's, reduced to `shape.embedding_size`."""
    if config.pt_student_checkpoint:
        return config.compress_word_embedding
    return config.compress_word_embedding or config.embedding_init != "random"


def _encoder(config: DistillationConfig, tokenizer: Any, checkpoint: str) -> dict[str, Any]:
    c = config
    if checkpoint:
        encoder = checkpoint_encoder(checkpoint, tokenizer, c.num_hidden_layers, c.compress_word_embedding,
                                     c.transformer_dropout if c.transformer_dropout >= 0 else None)
        found = TransformerShape(encoder, 1).config
        for name in ("hidden_size", "num_attention_heads", "intermediate_size"):
            own = getattr(found, name, getattr(found, "hidden_dim", None))
            if getattr(c, name) not in (0, own):
                raise ConfigError(f"`{name}={getattr(c, name)}`: "
                                  f"`pt_student_checkpoint={c.pt_student_checkpoint}` has {own}. Omit "
                                  f"`{name}`.")
        return encoder
    width = c.hidden_size or 384
    embedding_size = min(c.embedding_size, width) if c.compress_word_embedding else width
    return new_encoder(len(tokenizer), width, c.num_hidden_layers or 6, c.heads_for(width), c.intermediate_size,
                       embedding_size, PADDED_TO * -(-c.seq_len // PADDED_TO), dropout=_transformer_dropout(c),
                       pad_token_id=tokenizer.pad_token_id)


def _transformer_dropout(config: DistillationConfig) -> float:
    return config.transformer_dropout if config.transformer_dropout >= 0 else 0.1


def _check_length(config: DistillationConfig, shape: TransformerShape) -> None:
    longest = shape.config.max_position_embeddings // PADDED_TO * PADDED_TO
    if config.seq_len > longest:
        raise ConfigError(f"`seq_len={config.seq_len}`: "
                          f"`pt_student_checkpoint={config.pt_student_checkpoint}` takes at most {longest} "
                          f"subwords. Expected `seq_len={longest}` or less.")


def _relation_heads(config: DistillationConfig, shape: TransformerShape, teacher: TeacherSizes) -> int:
    heads, common = config.relation_heads or teacher.heads, math.gcd(shape.hidden_size, teacher.width)
    if common % heads:
        fitting = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
        raise ConfigError(f"`relation_heads={heads}` does not divide both the student's width "
                          f"{shape.hidden_size} and the teacher's {teacher.width}. Expected one of "
                          f"{fitting}.")
    return heads
