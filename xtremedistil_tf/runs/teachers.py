"""The step that makes a run's teachers, or finds them."""

from __future__ import annotations

import dataclasses
import functools
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from xtremedistil_tf.checkpoints.finding import resolve_checkpoint
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import WeakTeacherError
from xtremedistil_tf.runs.labelled_data import Labelled, teacher_roots
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.student_shape import TeacherSizes, needs_no_teacher
from xtremedistil_tf.runs.teacher_scheme import check_scheme
from xtremedistil_tf.runs.weak_teacher import remedy, weakness
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.fine_tuned import FineTunedTeachers, given_teachers, make_teachers, sizes_of
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.training.precision_choice import AUTO

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Teachers:
    """The fine-tuned teachers of a run.

    Attributes:
        fine_tuned: their directories and records; None where the run needs no teacher.
        task: what they answer.
    """

    fine_tuned: FineTunedTeachers | None
    task: Task

    @functools.cached_property
    def loaded(self) -> LoadedTeacher:
        """The teacher, or the average of several, loaded when something first needs it."""
        return self.fine_tuned.load(self.task)

    @property
    def fingerprint(self) -> str:
        return self.fine_tuned.fingerprint if self.fine_tuned else ""

    @property
    def sizes(self) -> TeacherSizes | None:
        found = self.fine_tuned
        return TeacherSizes(found.num_layers, found.width, found.num_heads) if found else None


def sizes_before_training(config: DistillationConfig, labelled: Labelled) -> TeacherSizes | None:
    """Fine-tuning changes no sizes: they are those of the given teacher or of the pre-trained checkpoint. None where
    the run needs no teacher."""
    if needs_no_teacher(config):
        return None
    checkpoint = (given_teachers(teacher_roots(config)) or labelled.checkpoints)[0]
    return TeacherSizes(*sizes_of(resolve_checkpoint(checkpoint)))  # a folder without weights is refused


def teachers_of(run: Run, labelled: Labelled) -> Teachers:
    """The step of a distillation run."""
    if needs_no_teacher(run.config):
        return Teachers(None, labelled.task)
    with run.step("teacher") as step:
        trained = False

        def on_epoch(record: Mapping[str, Any]) -> None:
            nonlocal trained
            trained = True
            run.epochs.epoch("teacher", record)

        found = fine_tuned_teachers(run.config, labelled, run.folder / "teacher", on_epoch)
        step.fingerprint, step.reused = found.fingerprint, not trained
    return Teachers(found, labelled.task)


def fine_tuned_teachers(config: DistillationConfig, labelled: Labelled, default_root: pathlib.Path,
                        on_epoch: Callable[[Mapping[str, Any]], None] = lambda record: None) -> FineTunedTeachers:
    """Fine-tunes the teachers, or finds them."""
    teachers = make_teachers(labelled.checkpoints, teacher_roots(config) or [default_root], labelled.tokenizer,
                             labelled.task, labelled.corpus.train, labelled.corpus.dev, labelled.fingerprint,
                             teacher_recipe(config, labelled), config.checkpoint_minutes, on_epoch,
                             config.teacher_backend, config.refine_teacher)
    for member in teachers.members:
        if not member.history:
            check_scheme(member, labelled, config.seq_len)
    return teachers


def teacher_recipe(config: DistillationConfig, labelled: Labelled) -> TeacherRecipe:
    """How the teachers are fine-tuned."""
    from transformers import AutoConfig

    width = 0
    if not config.teacher_learning_rate and labelled.checkpoints:
        width = AutoConfig.from_pretrained(labelled.checkpoints[0], trust_remote_code=False).hidden_size
    return TeacherRecipe.fitting(
        len(labelled.corpus.train), width, config.teacher_epochs, config.teacher_learning_rate,
        config.teacher_ft_batch_size, config.patience, config.seq_len, config.seed,
        "float32" if config.opt_policy == AUTO else config.opt_policy)


def check_learned(run: Run, labelled: Labelled, teachers: Teachers) -> None:
    """Says what makes teachers too weak to teach.

    Raises:
        WeakTeacherError: they are, and it is not accepted.
    """
    found = teachers.fine_tuned
    problem = weakness(found, labelled, run.folder, run.config.seq_len) if found else ""
    if problem and not run.config.accept_weak_teacher:
        raise WeakTeacherError(f"{problem} A student cannot learn from it, so the run stops here; the teacher is kept. "
                               f"{remedy(found)} `accept_weak_teacher` goes on with it.")
    if problem:
        log.warning("%s `accept_weak_teacher`: the run goes on", problem)
