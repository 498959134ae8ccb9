"""The main job: task and text in, measured student and exports out. Every step is kept and resumed."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any

import tf_keras

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.choices import TEACHER
from xtremedistil_tf.distillation.schedule import Phase
from xtremedistil_tf.runs.asked_teacher import with_answers
from xtremedistil_tf.runs.labelled_data import Labelled, Vocabulary, open_labelled, student_vocabulary
from xtremedistil_tf.runs.outcome import Outcome
from xtremedistil_tf.runs.phase_settings import strategy_phases
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.store import StoreStep, TrainingData, store_root, training_data
from xtremedistil_tf.runs.student import Distilled, StudentStep
from xtremedistil_tf.runs.student_plan import StudentPlan, check_student, plan_student, starting_checkpoint
from xtremedistil_tf.runs.student_shape import BASELINE
from xtremedistil_tf.runs.teachers import Teachers, check_learned, teachers_of
from xtremedistil_tf.runs.transfer_text import Augmentation, RunText, compare_texts, log_comparison, transfer_text
from xtremedistil_tf.transfer.text import TransferText


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What a run has before its student is planned.

    Attributes:
        run: the run.
        labelled: labelled data and task.
        teachers: fine-tuned.
        text: the transfer text.
        vocabulary: the student's, before trimming.
        checkpoint: resolved `pt_student_checkpoint`, or "".
    """

    run: Run
    labelled: Labelled
    teachers: Teachers
    text: RunText
    vocabulary: Vocabulary
    checkpoint: str


@dataclasses.dataclass(frozen=True)
class Stored:
    """A run whose transfer store is written.

    Attributes:
        prepared: what it had before.
        plan: of the student.
        store_step: what the store was made from.
        store: its folder; None where no phase reads one.
    """

    prepared: Prepared
    plan: StudentPlan
    store_step: StoreStep
    store: pathlib.Path | None


@dataclasses.dataclass(frozen=True)
class Trained:
    """A run whose student is trained.

    Attributes:
        prepared: what it had before.
        store_step: what its store was made from.
        store_seconds: that the store took when it was written.
        step: what the student was trained from.
        student: the student.
    """

    prepared: Prepared
    store_step: StoreStep
    store_seconds: float
    step: StudentStep
    student: Distilled

    @property
    def plan(self) -> StudentPlan:
        return self.step.plan

    @property
    def store(self) -> pathlib.Path | None:
        """Folder of the transfer store; None where no phase reads one."""
        return self.step.store

    @property
    def data(self) -> TrainingData:
        return self.step.data

    def phases(self, strategy: str) -> list[Phase]:
        """The phases of a strategy for this student."""
        return strategy_phases(self.plan.config, strategy, self.data.shape)


def distil(config: DistillationConfig, command: str = "") -> dict[str, Any]:
    """Runs what is missing of a run.

    Args:
        config: validated.
        command: the command line, for the report.

    Returns:
        The metrics, as `metrics.json` has them.

    Raises:
        XtremeDistilError: what a user can mend.
    """
    run = Run.of(with_answers(config))
    with run.alone():
        return _distilled(run, command)


def _distilled(run: Run, command: str) -> dict[str, Any]:
    began = time.monotonic()
    prepared = prepare(run)
    comparison = compare_texts(prepared.run.config, prepared.labelled, prepared.text.originals,
                               prepared.vocabulary.tokenizer)
    if comparison:
        log_comparison(comparison)
    trained = train(prepared)
    settings = trained.plan.config
    baseline = None
    if settings.direct_baseline and settings.strategy != BASELINE:
        baseline = trained.step.train(trained.phases(BASELINE), "baseline")
    with prepared.run.workers.chief_first():
        return Outcome(trained.step, prepared.text, comparison, trained.student, baseline, trained.store_seconds,
                       command).metrics(began)


def prepare(run: Run, sample: bool = False) -> Prepared:
    """Reads the labelled data and the text, and finds or makes the teachers and the student's vocabulary.

    Args:
        run: the run.
        sample: whether it is a measurement, whose teachers learn from too little to be good ones.

    Raises:
        WeakTeacherError: the teachers have learned nothing, unless `accept_weak_teacher`.
    """
    c = run.config
    tf_keras.utils.set_random_seed(c.seed)
    with run.step("labelled data") as step:
        labelled = open_labelled(c)
        step.fingerprint = labelled.fingerprint
    # Before the teacher is trained, so that what is wrong with student, text and augmenters is said first.
    check_student(c, labelled)
    augmentation = Augmentation(c, labelled) if c.augment and c.strategy != BASELINE else None
    originals = transfer_text(c, labelled)
    teachers = teachers_of(run, labelled)
    if not sample:
        check_learned(run, labelled, teachers)
    from_teacher = c.pt_student_checkpoint == TEACHER
    checkpoint = str(teachers.fine_tuned.path) if from_teacher else starting_checkpoint(c, labelled)
    text = _text(run, originals, teachers, augmentation)
    with run.step("vocabulary") as step, run.workers.chief_first():
        used = text.used
        vocabulary = student_vocabulary(c, labelled.tokenizer, checkpoint, run.folder / "checkpoints", used or (),
                                        used.fingerprint if used else "")
        step.fingerprint = vocabulary.identity or teachers.fingerprint or labelled.fingerprint
    return Prepared(run, labelled, teachers, text, vocabulary, checkpoint)


def _text(run: Run, originals: TransferText | None, teachers: Teachers, augmentation: Augmentation | None) -> RunText:
    with run.step("transfer text") as step:
        used: Any = originals
        if augmentation:
            with run.workers.chief_first():
                used = augmentation.of(originals, store_root(run.config), teachers.fingerprint,
                                       lambda: teachers.loaded)
        step.fingerprint = used.fingerprint if used else ""
    return RunText(originals, used)


def train(prepared: Prepared) -> Trained:
    """The student after all its phases, for which the transfer store is made on the way."""
    return train_student(make_store(prepared))


def make_store(prepared: Prepared) -> Stored:
    """The plan of the student, and the transfer store if a phase reads one."""
    p = prepared
    plan = plan_student(p.run.config, p.labelled, p.teachers, p.text, p.vocabulary, p.checkpoint)
    store_step = StoreStep(p.run, p.labelled, p.teachers, p.text, p.vocabulary, plan)
    store = None
    with p.run.workers.chief_first():
        if plan.needs_store:
            store = store_step.make()
    return Stored(p, plan, store_step, store)


def train_student(stored: Stored) -> Trained:
    """The student after all its phases."""
    p, plan, store = stored.prepared, stored.plan, stored.store
    data = training_data(p.run, p.labelled, p.teachers, p.vocabulary, plan, store)
    step = StudentStep(p.run, p.labelled, p.teachers, p.vocabulary, plan, store, data)
    seconds = p.run.seconds_of("transfer store") if store else 0.0
    return Trained(p, stored.store_step, seconds, step, step.train(plan.phases, "checkpoints"))
