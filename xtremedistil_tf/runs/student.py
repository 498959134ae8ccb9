"""The step that trains a student through the phases of a strategy."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import tf_keras

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.distillation.runner import PhaseRecord, Runner, needs_teacher
from xtremedistil_tf.distillation.schedule import Phase
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.runs.labelled_data import Labelled, Vocabulary
from xtremedistil_tf.runs.phase_settings import phase_settings
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.starting_weights import StudentStart
from xtremedistil_tf.runs.store import TrainingData
from xtremedistil_tf.runs.student_plan import StudentPlan, starting_checkpoint
from xtremedistil_tf.runs.student_shape import StudentShape
from xtremedistil_tf.runs.teachers import Teachers
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.precision_choice import AUTO, chosen_policy, step_seconds
from xtremedistil_tf.training.stage import precision

# The kept table and the choice of precision lie beside the phases of the student, whichever phases use them.
_KEPT = "checkpoints"


@dataclasses.dataclass(frozen=True)
class Distilled:
    """Attributes:
        student: in float32, after its phases.
        records: of the phases.
        fingerprint: of its weights.
        embedding_energy: share of the teacher's embedding energy that its table keeps; None without one.
    """

    student: Any
    records: list[PhaseRecord]
    fingerprint: str
    embedding_energy: float | None


@dataclasses.dataclass(frozen=True)
class StudentStep:
    """What a student is trained from.

    Attributes:
        run, labelled, teachers, vocabulary, plan, store, data: what the steps before made.
    """

    run: Run
    labelled: Labelled
    teachers: Teachers
    vocabulary: Vocabulary
    plan: StudentPlan
    store: pathlib.Path | None
    data: TrainingData

    def train(self, phases: list[Phase], folder: str) -> Distilled:
        """The student after its phases; those that are on disk already are loaded.

        Args:
            phases: to train through.
            folder: of the phases, below the run's.
        """
        with self.run.step("student" if folder == _KEPT else folder) as step:
            distilled = self._trained(phases, folder)
            step.fingerprint = distilled.fingerprint
            step.reused = all(record.reused for record in distilled.records)
        return distilled

    def start_of(self, phases: list[Phase], trimmed: bool = True) -> StudentStart:
        """What a student starts from; labels alone know nothing of the transfer text, nor of the fine-tuned teacher."""
        checkpoint, store = self.plan.checkpoint, self.store
        if not needs_teacher(phases):
            store = None
            checkpoint = starting_checkpoint(self.plan.config, self.labelled)
        return StudentStart(self.plan.config, self.teachers.fine_tuned, lambda: self.teachers.loaded, self.vocabulary,
                            checkpoint, self.data.trimmed if trimmed else None, self.run.folder / _KEPT, store)

    def shape_for(self, phases: list[Phase]) -> StudentShape:
        """The student's shape for some phases: what learns from labels alone has a dropout rate of its own."""
        shape = self.data.shape
        if needs_teacher(phases) or isinstance(shape, TransformerShape):
            return shape
        return dataclasses.replace(shape, dropout=self.plan.config.label_dropout)

    def _trained(self, phases: list[Phase], folder: str) -> Distilled:
        run, task, c = self.run, self.labelled.task, self.plan.config
        shape = self.shape_for(phases)
        origin = self.start_of(phases)
        with run.workers.chief_first():
            origin.prepare(shape)
            # By the shape of the run's own student: every student of a run is trained in one precision.
            c = dataclasses.replace(c, opt_policy=_policy(c, self.data.shape, run.folder / _KEPT))
        with precision(c.opt_policy), run.workers.strategy.scope():
            tf_keras.utils.set_random_seed(c.seed)
            student = origin.student(shape)
            if (bias := task.head_bias(self.labelled.corpus.train)) is not None:
                student.head.bias.assign(bias)
            start = fingerprint([self.data.fingerprint, dataclasses.asdict(shape), origin.identity, c.seed])
            runner = Runner(student, task, self.data.data, lambda phase: phase_settings(c, phase),
                            run.folder / folder, start, c.checkpoint_minutes,
                            lambda phase, record: run.epochs.epoch(f"{folder}/{phase}", record),
                            _dev_score(student, self.data.tokenizer, task, self.labelled.corpus.dev),
                            c.steps_per_execution)
            records = runner.run(phases)
        # Under the default precision again: what is measured, saved and exported computes in float32.
        return Distilled(deployed(student), records, runner.fingerprint, origin.energy)


def _policy(config: DistillationConfig, shape: StudentShape, folder: pathlib.Path) -> str:
    """The precision of the student's training."""
    if config.opt_policy != AUTO:
        return config.opt_policy
    batch_size, pieces = config.student_distil_batch_size, min(config.seq_len, 24)
    return chosen_policy(folder / "precision.json", fingerprint([dataclasses.asdict(shape), batch_size, pieces]),
                         lambda: step_seconds(lambda: new_student(shape), batch_size, pieces))


def _dev_score(student: Any, tokenizer: Any, task: Task, dev: Any) -> Callable[[], dict[str, float]]:
    predictor, main = StudentPredictor(student, tokenizer, task), task.main_score

    def measure_dev() -> dict[str, float]:
        return {main: predictor.dev_scores(dev)[main]}

    return measure_dev
