"""The student of a run, its phases, and what the transfer store must hold for them, decided before anything long."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import with_epochs
from xtremedistil_tf.config.choices import TEACHER
from xtremedistil_tf.distillation.runner import needs_hidden_states, needs_teacher
from xtremedistil_tf.distillation.schedule import Phase
from xtremedistil_tf.runs.labelled_data import Labelled, Vocabulary, checkpoint_tokenizer
from xtremedistil_tf.runs.phase_settings import strategy_phases
from xtremedistil_tf.runs.student_shape import (
    StudentShape,
    layer_pairs,
    student_shape,
    teacher_signals,
    top_layer,
    wants_piece_states,
)
from xtremedistil_tf.runs.teachers import Teachers, sizes_before_training
from xtremedistil_tf.runs.transfer_text import RunText
from xtremedistil_tf.teachers.protocol import TeacherSignals
from xtremedistil_tf.transfer.format import Manifest


@dataclasses.dataclass(frozen=True)
class StudentPlan:
    """Attributes:
        config: of the run, with a number of epochs.
        checkpoint: resolved `pt_student_checkpoint`, or "".
        shape: of the student, before its vocabulary is trimmed.
        phases: of its training.
        kept: what of the teacher the store keeps for every example.
        signals: what the teacher's predictor gives: that, and the layer whose states are averaged by piece.
        piece_states: whether the store keeps the mean state of each piece.
    """

    config: DistillationConfig
    checkpoint: str
    shape: StudentShape
    phases: list[Phase]
    kept: TeacherSignals
    signals: TeacherSignals
    piece_states: bool

    @property
    def needs_store(self) -> bool:
        return needs_teacher(self.phases)


def starting_checkpoint(config: DistillationConfig, labelled: Labelled) -> str:
    """The resolved checkpoint that a student is made of, as it is before any fine-tuning; "" where there is none.

    Raises:
        ModelLoadError: it cannot be found.
    """
    name = config.pt_student_checkpoint
    return labelled.checkpoints[0] if name == TEACHER else resolve_checkpoint(name) if name else ""


def check_student(config: DistillationConfig, labelled: Labelled) -> None:
    """Raises what `plan_student` would, before a teacher is trained. A vocabulary of the student's own is not known
    then."""
    if labelled.tokenizer is None or config.student_vocab_size:
        return
    checkpoint = starting_checkpoint(config, labelled)
    own = checkpoint_tokenizer(checkpoint) if checkpoint and not config.compress_word_embedding else None
    student_shape(config, own or labelled.tokenizer, labelled.task, sizes_before_training(config, labelled), checkpoint)


def plan_student(config: DistillationConfig, labelled: Labelled, teachers: Teachers, text: RunText,
                 vocabulary: Vocabulary, checkpoint: str) -> StudentPlan:
    """Decides shape and phases.

    Raises:
        ConfigError: settings that contradict each other, the teacher or the checkpoint.
    """
    config = with_epochs(config, _transfer_sentences(config, text))
    sizes: Any = teachers.sizes
    shape = student_shape(config, vocabulary.tokenizer, labelled.task, sizes, checkpoint)
    phases = strategy_phases(config, config.strategy, shape)
    kept = TeacherSignals()
    if needs_hidden_states(phases):
        kept = teacher_signals(config, shape, layer_pairs(config, shape, sizes))
    signals, piece_states = kept, wants_piece_states(config) and needs_teacher(phases)
    if piece_states and not kept.hidden:
        signals = dataclasses.replace(kept, hidden=(top_layer(config, sizes),))
    return StudentPlan(config, checkpoint, shape, phases, kept, signals, piece_states)


def _transfer_sentences(config: DistillationConfig, text: RunText) -> int:
    if config.transfer_store:
        return Manifest.load(pathlib.Path(config.transfer_store)).sentences
    return text.used.sentences if text.used else 0
