"""What a run would do, take and cost, and how much fits into a given time, from the same steps over a sample."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
import pathlib
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.arguments import MAX_EPOCHS, MIN_EPOCHS, with_epochs, with_recipe
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus import TaskCorpus
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.distillation.schedule import LABELS
from xtremedistil_tf.distillation.stages import held_out_count
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.progress import in_minutes
from xtremedistil_tf.runs.distil import Trained, make_store, prepare, train_student
from xtremedistil_tf.runs.labelled_data import Labelled, open_labelled
from xtremedistil_tf.runs.phase_settings import phase_settings, strategy_phases
from xtremedistil_tf.runs.plan_lines import data_lines, heard, plan_lines, reading_lines
from xtremedistil_tf.runs.run import Run, check_writable
from xtremedistil_tf.runs.student_shape import BASELINE, starts_from_teacher_embeddings, student_kind
from xtremedistil_tf.runs.teachers import teacher_recipe
from xtremedistil_tf.runs.transfer_text import transfer_text
from xtremedistil_tf.transfer.size import estimate_bytes, sampled_mean_pieces
from xtremedistil_tf.transfer.text import TransferText

log = logging.getLogger(__name__)

#: Batches of a measurement, of the teacher and of the student.
_TEACHERS, _BATCHES = 2, 4
#: Seconds that the graph of a layer takes to build for training: 31 of the embedded teacher's 12.
_GRAPH_OF_A_LAYER = 2.5
#: Examples of which the teacher's time is measured.
_TIMED = 64
#: Epochs of a measurement: the first one traces, the second one is what an epoch costs.
_EPOCHS = 2
BUDGET_FILE = "budget.json"
#: Share of the time that is planned; the rest is for evaluation and export, and for a machine that is slower at times.
PLANNED = 0.85
#: Largest shares for fine-tuning the teacher and for phases on labels.
TEACHER_SHARE, LABELS_SHARE = 0.35, 0.15
#: Settings that do not change what is measured.
_NO_MATTER = {"dry_run": False, "accept_weak_teacher": False}
_PLANNED_NAMES = ("teacher_epochs", "max_transfer", "distil_epochs", "ft_epochs")


@dataclasses.dataclass(frozen=True)
class Step:
    """One line of the plan.

    Attributes:
        name: of the step.
        examples: that it reads in an epoch.
        epochs: most passes over them.
        steps: most batches in all.
        start: seconds before the first batch.
        each: seconds of a batch.
        stage: representation, logits, labels or joint; else empty.
    """

    name: str
    examples: int
    epochs: int
    steps: int
    start: float
    each: float
    stage: str = ""

    @property
    def seconds(self) -> float:
        """Most wall time, early stopping aside."""
        return self.start + self.steps * self.each


def dry_run(config: DistillationConfig, show: Callable[[str], None] = print) -> list[Step]:
    """Shows what the data say, measures every step on a sample, shows the plan, and leaves nothing behind.

    Args:
        config: validated configuration of the run.
        show: gets the plan's lines.
    """
    config = with_recipe(config, student_kind(config))
    measured = measure_steps(config, show)
    for line in plan_lines(config, measured.steps, measured.disk, measured.folder):
        show(line)
    return measured.steps


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a sample says of a run.

    Attributes:
        steps: of the whole run.
        disk: bytes on disk by what takes them.
        folder: an existing folder on that disk.
    """

    steps: list[Step]
    disk: dict[str, float]
    folder: pathlib.Path


def measure_steps(config: DistillationConfig, show: Callable[[str], None] = lambda line: None) -> Measurement:
    """Measures every step of a run on a sample, and leaves nothing behind.

    Args:
        config: with its recipe's values.
        show: gets, before anything is measured, the lines that say how much data there is and what the text is like.
    """
    if config.is_answered and not config.transfer_labels:
        raise ConfigError("A teacher that is asked text by text cannot be planned from a sample. Plan with its "
                          "answers: `transfer_labels`.")
    model_dir = pathlib.Path(config.model_dir)
    is_new = not model_dir.exists()
    check_writable(model_dir)
    try:
        with tempfile.TemporaryDirectory(prefix=".dry-run-", dir=model_dir) as folder:
            with heard() as said:
                labelled = open_labelled(config)
                text = transfer_text(config, labelled)
            for line in [*reading_lines(said), *data_lines(config, labelled, text)]:
                show(line)
            sample = _trained(_sampled(config, labelled.corpus, pathlib.Path(folder)))
            steps, disk = _measured(config, labelled, text, sample)
    finally:
        if is_new:
            model_dir.rmdir()
    return Measurement(steps, disk, model_dir.resolve().parent if is_new else model_dir)


def _trained(config: DistillationConfig) -> Trained:
    """A run over a sample, without what takes long and is not measured."""
    with _without_graphs():
        stored = make_store(prepare(Run.of(config), sample=True))
    plan = stored.plan
    if starts_from_teacher_embeddings(plan.config) and not plan.config.compress_word_embedding:
        plan = dataclasses.replace(plan, config=dataclasses.replace(plan.config, embedding_init="random"))
    return train_student(dataclasses.replace(stored, plan=plan))


@contextlib.contextmanager
def _without_graphs() -> Iterator[None]:
    """TensorFlow runs operation by operation: the graph of a teacher takes longer to build than a few batches take,
    which are so large that they hardly take longer."""
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not apply to tf.data functions")
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)


def _sampled(config: DistillationConfig, corpus: TaskCorpus, folder: pathlib.Path) -> DistillationConfig:
    """The configuration of the measurement: few examples, few epochs, as much to validate on for each of them."""
    languages = max(1, len(corpus.languages))
    train = _TEACHERS * max(config.teacher_ft_batch_size, config.student_ft_batch_size)
    share = min(1.0, train / len(corpus.train))
    per_language: dict[str, Any] = {
        f"max_{split}_per_language": math.ceil(share * len(getattr(corpus, split)) / languages)
        for split in ("train", "dev")}
    given = config.teacher_model_dir and all((pathlib.Path(name) / "config.json").exists()
                                             for name in listed(config.teacher_model_dir))
    transfer = math.ceil(_BATCHES * config.student_distil_batch_size / (1 - config.holdout_fraction))
    return dataclasses.replace(
        config, **per_language, max_test_per_language=1, max_transfer=transfer,
        model_dir=str(folder), ray_address="", teacher_model_dir=config.teacher_model_dir if given else "",
        transfer_store_dir="", augment="", teacher_epochs=_EPOCHS, distil_epochs=_EPOCHS, ft_epochs=_EPOCHS,
        frozen_epochs=0, patience=_EPOCHS, direct_baseline=False, checkpoint_minutes=1e6)


def _measured(config: DistillationConfig, whole: Labelled, text: TransferText | None,
              sample: Trained) -> tuple[list[Step], dict[str, float]]:
    """The steps with their times, and bytes on disk by what takes them."""
    student, data, plan, teachers = sample.student, sample.data.data, sample.plan, sample.prepared.teachers
    labelled, transfer = len(whole.corpus.train), text.sentences if text else 0
    config = with_epochs(config, transfer)
    steps, disk = [], {}
    teacher = teachers.fine_tuned
    if teacher and sample.prepared.run.folder in teacher.path.parents:  # else it is there already
        found = _extrapolated("teacher", teacher.history, len(sample.prepared.labelled.corpus.train),
                              labelled, config.teacher_ft_batch_size, teacher_recipe(config, whole).epochs)
        steps.append(dataclasses.replace(found, start=found.start + _GRAPH_OF_A_LAYER * teacher.num_layers))
        disk["teacher"] = 4.0 * teachers.loaded.parameters
    if plan.needs_store and text:
        spec = dataclasses.replace(sample.store_step.spec(), sentences=transfer)
        pieces = sampled_mean_pieces(spec, text, sample.prepared.vocabulary.tokenizer)
        disk["transfer store"] = float(estimate_bytes(spec, pieces))
        batches = -(-transfer // config.teacher_batch_size)
        steps.append(Step("teacher over transfer set", transfer, 1, batches, 0.0,
                          transfer * _seconds_per_sentence(config, sample) / batches))
    with_baseline = config.direct_baseline and config.strategy != BASELINE
    baseline = strategy_phases(config, BASELINE, sample.data.shape) if with_baseline else []
    sizes = {True: (len(data.labelled.train), labelled)}
    if data.transfer is not None:
        held = held_out_count(transfer, config.holdout_fraction, config.max_holdout)
        sizes[False] = len(data.transfer.train), transfer - held
    records = {record.name: record for record in student.records}
    like = next((r for r in student.records if r.stage == "labels"), student.records[-1])
    for name, phase in [*((p.name, p) for p in plan.phases), *((f"labels alone: {p.name}", p) for p in baseline)]:
        settings = phase_settings(config, phase)
        is_labelled = phase.data == "labelled"
        batch = settings.labelled_batch_size if is_labelled else settings.batch_size
        history = records.get(name, like).history
        steps.append(_extrapolated(name, history, *sizes[is_labelled], batch, settings.epochs, phase.stage))
    weights = 4.0 * sum(int(variable.shape.num_elements()) for variable in student.student.variables)
    disk["phases of the student"] = weights * (len(plan.phases) + len(baseline) + 3)
    return steps, disk


def _extrapolated(name: str, history: Sequence[dict[str, Any]], sampled: int, examples: int, batch: int,
                  epochs: int, stage: str = "") -> Step:
    """A step of the run from two epochs over a sample; what the first one took longer is taken once."""
    first, second = (record["seconds"] for record in history[:2])
    epoch = second - first
    a_step = epoch / -(-sampled // batch)
    steps = epochs * -(-examples // batch)
    return Step(name, examples, epochs, steps, max(0.0, first - epoch), a_step, stage)


def _seconds_per_sentence(config: DistillationConfig, sample: Trained) -> float:
    """Of the teacher, once it has answered."""
    labelled, text = sample.prepared.labelled, sample.prepared.text.used
    features = labelled.task.text_features(labelled.tokenizer, list(evenly(text, text.sentences, _TIMED)),
                                           config.seq_len).features
    predictor = sample.store_step.predictor_recipe().predictor(sample.store_step.fast_teacher())
    with _without_graphs():
        next(predictor.predict(features))
        began = time.monotonic()
        for _ in predictor.predict(features):
            pass
    return (time.monotonic() - began) / len(features)


def within_budget(config: DistillationConfig) -> DistillationConfig:
    """The configuration with numbers of epochs and of transfer sentences that fit into `budget_minutes`.

    They are measured once and kept in the model directory: the same command takes the same numbers again, so that an
    interrupted run goes on and a repeated one gives the same student. A dry run keeps nothing.

    Args:
        config: validated, with `budget_minutes`.

    Raises:
        ConfigError: the time does not even suffice for the least that can be done.
    """
    config = with_recipe(config, student_kind(config))
    file, identity = pathlib.Path(config.model_dir) / BUDGET_FILE, fingerprint(config.to_json() | _NO_MATTER)
    known = read_json(file) if file.exists() else {}
    if known.get("identity") != identity:
        known = {"identity": identity, **plan(config, measure_steps(config).steps)}
        if not config.dry_run:
            write_json(file, known)
    numbers = {name: known[name] for name in _PLANNED_NAMES}
    log.info("`budget_minutes=%g`: %s", config.budget_minutes, ", ".join(f"{k} {v}" for k, v in numbers.items()))
    return dataclasses.replace(config, **numbers)


def plan(config: DistillationConfig, steps: Sequence[Step]) -> dict[str, int]:
    """Numbers of epochs and of transfer sentences, 0 where they do not matter.

    The teacher gets what it needs, up to a share; a phase on labels likewise. What is left goes to the transfer set:
    as much text as can be seen in `MIN_EPOCHS` epochs, the teacher's pass over it included, and as many epochs as then
    fit. Distinct text is worth more than repetition.

    Args:
        config: with its recipe's values.
        steps: of the whole run, measured.

    Raises:
        ConfigError: the time is too short.
    """
    seconds = PLANNED * 60 * config.budget_minutes
    teacher = [step for step in steps if step.name == "teacher"]
    store = [step for step in steps if step.name == "teacher over transfer set"]
    labels = [step for step in steps if step.stage == LABELS]
    phases = [step for step in steps if step.stage not in ("", LABELS)]
    left = seconds - sum(step.start for step in steps)
    teacher_epochs = _fitting_epochs(teacher, TEACHER_SHARE * seconds)
    left -= sum(teacher_epochs * _epoch_seconds(step) for step in teacher)
    ft_epochs = _fitting_epochs(labels, LABELS_SHARE * seconds)
    left -= sum(ft_epochs * _epoch_seconds(step) for step in labels)
    if not phases:
        least = sum(step.start + _epoch_seconds(step) for step in steps)
        return _checked_plan(config, left, least, dict.fromkeys(_PLANNED_NAMES, 0) | {
            "teacher_epochs": teacher_epochs, "ft_epochs": ft_epochs, "distil_epochs": config.distil_epochs,
            "max_transfer": config.max_transfer})
    sentences = store[0].examples if store else phases[0].examples
    once = sum(step.seconds / step.examples for step in store)
    epoch = sum(_epoch_seconds(step) / step.examples for step in phases)
    kept = min(sentences, math.floor(left / (once + MIN_EPOCHS * epoch))) if store else sentences
    batch = config.student_distil_batch_size
    least = sum(step.start for step in steps) + batch * (once + epoch) + sum(map(_epoch_seconds, [*teacher, *labels]))
    epochs = math.floor((left - kept * once) / (max(1, kept) * epoch))
    limit = min(MAX_EPOCHS, config.distil_epochs or MAX_EPOCHS)
    return _checked_plan(config, min(left, kept - batch if store else left, epochs - 1), least, {
        "teacher_epochs": teacher_epochs, "ft_epochs": ft_epochs, "distil_epochs": max(1, min(limit, epochs)),
        "max_transfer": kept if kept < sentences else config.max_transfer})


def _epoch_seconds(step: Step) -> float:
    """Seconds of one epoch."""
    return step.each * step.steps / max(1, step.epochs)


def _fitting_epochs(steps: Sequence[Step], seconds: float) -> int:
    """Epochs of steps that fit, at least one; 0 where there is no step."""
    if not steps:
        return 0
    return max(1, min(steps[0].epochs, math.floor(seconds / max(1e-9, sum(map(_epoch_seconds, steps))))))


def _checked_plan(config: DistillationConfig, room: float, least: float, numbers: dict[str, Any]) -> dict[str, Any]:
    if room < 0:
        raise ConfigError(f"`budget_minutes={config.budget_minutes:g}`: expected at least "
                          f"{in_minutes(math.ceil(least / PLANNED / 60) + 1)} for one epoch of every phase on this "
                          "machine. Give more time, a smaller student, or a faster `teacher_path`.")
    return numbers
