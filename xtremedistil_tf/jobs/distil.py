"""The main job: task and text in, measured student and exports out. Every step is kept and resumed."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.augmentation.kept import AugmentedText
from xtremedistil_tf.batching.ragged import Column, FeatureSource, RaggedFeatures
from xtremedistil_tf.batching.remapped import RemappedPieces
from xtremedistil_tf.cluster.connection import require_ray
from xtremedistil_tf.cluster.ray_store import RayWorkforce
from xtremedistil_tf.cluster.recipe import PredictorRecipe
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.recipes import with_epochs, with_recipe
from xtremedistil_tf.distillation.data import Split, hold_out
from xtremedistil_tf.distillation.runner import (
    DistillationData,
    PhaseRecord,
    Runner,
    needs_hidden_states,
    needs_teacher,
)
from xtremedistil_tf.distillation.schedule import Phase
from xtremedistil_tf.evaluation.measuring import Measured, measure
from xtremedistil_tf.export.layout import EXPORT, exported_path
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.fingerprint import examples_fingerprint, fingerprint
from xtremedistil_tf.jobs.choice import (
    BASELINE,
    TeacherSizes,
    layer_pairs,
    needs_no_teacher,
    phase_settings,
    strategy_phases,
    student_kind,
    student_shape,
    teacher_signals,
    top_layer,
    wants_piece_states,
)
from xtremedistil_tf.jobs.labelled import open_labelled
from xtremedistil_tf.jobs.start import StudentStart
from xtremedistil_tf.jobs.text_comparison import (
    compare_texts,
    log_comparison,
    text_metrics,
    with_teachers_view,
)
from xtremedistil_tf.jobs.transfer_text import Augmentation, transfer_text
from xtremedistil_tf.jobs.vocabulary import student_vocabulary
from xtremedistil_tf.report.html import write_report
from xtremedistil_tf.report.model_card import write_model_card
from xtremedistil_tf.report.table import results_table
from xtremedistil_tf.report.tensorboard import EpochLog
from xtremedistil_tf.students.hugging_face import save_encoder
from xtremedistil_tf.students.model_directory import CONFIG_FILE, WEIGHTS_FILE, save_student, versions
from xtremedistil_tf.students.prediction import StudentPredictor
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.teachers.accelerated.paths import EXACT, SAMPLE, accelerated
from xtremedistil_tf.teachers.checkpoints import resolve_checkpoint
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherSignals
from xtremedistil_tf.teachers.workshop import FineTunedTeachers
from xtremedistil_tf.tokenization.kept_pieces import KeptPieces, kept_pieces, piece_counts
from xtremedistil_tf.tokenization.trimming import Trimmed, trim_tokenizer
from xtremedistil_tf.training.distribution import Workers, strategy_for
from xtremedistil_tf.training.precision import precision
from xtremedistil_tf.training.precision_choice import AUTO, chosen_policy, step_seconds
from xtremedistil_tf.transfer.given import check_given_store
from xtremedistil_tf.transfer.layout import LOGITS, Manifest, stored_ids
from xtremedistil_tf.transfer.provenance import has_provenance, load_provenance, save_provenance
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText, evenly
from xtremedistil_tf.transfer.writer import StoreSpec, in_this_process, signal_columns, write_store

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Distilled:
    """A student in float32 after its phases, their records, and the fingerprint of its weights."""

    student: Any
    records: list[PhaseRecord]
    fingerprint: str


class Pipeline:
    """One run of the main job.

    Args:
        config: validated configuration.
        command: the command line, for the report.
    """

    def __init__(self, config: DistillationConfig, command: str = ""):
        # Contradictions are refused before anything long begins.
        self.config, self.command = with_recipe(config, student_kind(config)), command
        if config.ray_address:
            require_ray()
        self.dir = pathlib.Path(config.model_dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log = EpochLog(self.dir / "logs")
        self.workers = Workers(strategy_for())
        self._teacher: LoadedTeacher | None = None
        self.trimmed: Trimmed | None = None

    def run(self) -> dict[str, Any]:
        """Runs what is missing and returns the metrics, as `metrics.json` has them."""
        began = time.monotonic()
        self._open()
        self.comparison = compare_texts(self.config, self.labelled, self.originals)
        if self.comparison:
            log_comparison(self.comparison)
        student = self._train()
        wanted = self.config.direct_baseline and self.config.strategy != BASELINE
        baseline = self._distil(self._phases(BASELINE), "baseline") if wanted else None
        with self.workers.chief_first():
            metrics = self._outcome(student, baseline, began)
        print(results_table(metrics))
        return metrics

    def _outcome(self, student: Distilled, baseline: Distilled | None, began: float) -> dict[str, Any]:
        """The metrics, measured and written unless that is done."""
        identity = self._identity(student, baseline)
        metrics = self._finished(identity)
        if metrics is None:
            metrics = self._measure(student, baseline)
            metrics["fingerprint"] = identity
            metrics["seconds"]["this run"] = round(time.monotonic() - began, 1)
            self._write(student, metrics)
        return metrics

    def train(self) -> Distilled:
        """The student after all its phases, for which teacher and transfer store are made on the way."""
        self._open()
        return self._train()

    def _train(self) -> Distilled:
        self._choose_student()
        self.spec = self._store_spec() if needs_teacher(self.phases) and not self.config.transfer_store else None
        with self.workers.chief_first():
            self.store = self._find_store() if needs_teacher(self.phases) else None
        self.data = self._distillation_data()
        return self._distil(self.phases, "checkpoints")

    def _open(self) -> None:
        """Reads the labelled data and finds or makes the teachers and the student's vocabulary."""
        c = self.config
        self.labelled = open_labelled(c)
        self.corpus, self.task = self.labelled.corpus, self.labelled.task
        self.student_checkpoint = resolve_checkpoint(c.pt_student_checkpoint) if c.pt_student_checkpoint else ""
        augmentation = Augmentation(c, self.labelled) if c.augment and c.strategy != BASELINE else None
        self.fine_tuned: FineTunedTeachers | None = None
        if not needs_no_teacher(c):
            self.fine_tuned = self.labelled.make_teachers(c, self.dir / "teacher",
                                                          lambda record: self.log.epoch("teacher", record))
        self.originals = transfer_text(c, self.labelled)
        self.text: TransferText | AugmentedText | None = self.originals
        with self.workers.chief_first():
            if augmentation:
                self.text = augmentation.of(self.text, self._store_root, self.fine_tuned.fingerprint,
                                            lambda: self.teacher)
            self.vocabulary = student_vocabulary(c, self.labelled.tokenizer, self.student_checkpoint,
                                                 self.dir / "checkpoints", self.text or (),
                                                 self.text.fingerprint if self.text else "")
        self.tokenizer = self.vocabulary.tokenizer

    @property
    def _store_root(self) -> pathlib.Path:
        return pathlib.Path(self.config.transfer_store_dir or self.dir / "transfer")

    def _choose_student(self) -> None:
        """Decides shape, phases, and what the store must hold, before anything long begins."""
        self.config = c = with_epochs(self.config, self._transfer_sentences)
        teacher = self.fine_tuned
        sizes = TeacherSizes(teacher.num_layers, teacher.width, teacher.num_heads) if teacher else None
        self.shape = student_shape(c, self.tokenizer, self.task, sizes, self.student_checkpoint)
        self.phases = self._phases(c.strategy)
        self.kept_signals = self.signals = TeacherSignals()
        if needs_hidden_states(self.phases):
            self.kept_signals = self.signals = teacher_signals(c, self.shape, layer_pairs(c, self.shape, sizes))
        self.piece_states = wants_piece_states(c) and needs_teacher(self.phases)
        if self.piece_states and not self.signals.hidden:
            self.signals = dataclasses.replace(self.signals, hidden=(top_layer(c, sizes),))

    @property
    def _transfer_sentences(self) -> int:
        if self.config.transfer_store:
            return Manifest.load(pathlib.Path(self.config.transfer_store)).sentences
        return self.text.sentences if self.text else 0

    def _phases(self, strategy: str) -> list[Phase]:
        return strategy_phases(self.config, strategy, self.shape)

    def _identity(self, student: Distilled, baseline: Distilled | None) -> str:
        test = examples_fingerprint(self.corpus.test)
        return fingerprint([student.fingerprint, baseline and baseline.fingerprint, test, self.task.main_score,
                            versions(), *filter(None, [self.task.scored_by.get("decoding")])])

    def _finished(self, identity: str) -> dict[str, Any] | None:
        """The metrics of an earlier run that ended with these very students."""
        file = self.dir / "metrics.json"
        written = [file, exported_path(self.dir, "saved_model"),
                   *(self.dir / name for name in (WEIGHTS_FILE, CONFIG_FILE, "report.html", "README.md"))]
        if not all(path.exists() for path in written):
            return None
        metrics = read_json(file)
        if metrics.get("fingerprint") != identity:
            return None
        log.info("%s: everything is done already; nothing was measured or written again", self.dir)
        return metrics

    def _write(self, student: Distilled, metrics: dict[str, Any]) -> None:
        """Writes what a user takes away; `metrics.json` is last, for it marks the run as finished."""
        task = StudentPredictor(student.student, self.tokenizer, self.task).calibrated(self.corpus.dev)
        save_student(self.dir, student.student, self.tokenizer, task, self.config.to_json())
        export_saved_model(exported_path(self.dir, "saved_model"), student.student, self.tokenizer, task,
                           pairs=self.corpus.has_pairs)
        if student.student.kind == "transformer":
            main = self.task.main_score
            card = {"distilled on": self.config.task, "teacher": self.config.pt_teacher_checkpoint,
                    f"{main} of the student there": f"{100 * metrics['student'][main]:.2f}"}
            save_encoder(self.dir / EXPORT / "encoder", student.student, self.tokenizer, card)
        write_report(self.dir / "report.html", metrics)
        write_model_card(self.dir, metrics, task, self.config.to_json())
        write_json(self.dir / "metrics.json", metrics)

    @property
    def teacher(self) -> LoadedTeacher:
        """The fine-tuned teacher, loaded when something first needs it."""
        if self._teacher is None:
            self._teacher = self.fine_tuned.load(self.task)
        return self._teacher

    # Data

    def _store_spec(self) -> StoreSpec:
        """What the transfer store is to hold."""
        c = self.config
        identity: dict[str, Any] = {
            "teacher": self.fine_tuned.fingerprint, "text": self.text.fingerprint,
            "vocabulary": self.vocabulary.identity, "signals": dataclasses.asdict(self.kept_signals)}
        if self.piece_states:
            identity["piece_states"] = self.signals.hidden[-1]
        if c.teacher_path != EXACT:
            identity["teacher_path"] = [c.teacher_path, c.teacher_tolerance]
        return StoreSpec(identity, self.task, self.text.sentences, c.seq_len, self._signal_columns(),
                         self.vocabulary.teachers is not None, c.hidden_components, c.hidden_dtype,
                         c.attention_sample, self.piece_states)

    def _signal_columns(self) -> dict[str, Column]:
        return signal_columns(self.kept_signals, self.fine_tuned.width, self.fine_tuned.num_heads, self.config.seq_len)

    def _find_store(self) -> pathlib.Path:
        """The transfer store: the given one, or one that is written now as far as it is not there."""
        c, tokenizer = self.config, self.labelled.tokenizer
        self.store_seconds = 0.0
        if c.transfer_store:
            store = pathlib.Path(c.transfer_store)
            wanted = StoreSpec({}, self.task, 0, c.seq_len, self._signal_columns(),
                               self.vocabulary.teachers is not None)
            check_given_store(store, wanted.columns, len(self.tokenizer))
            return store
        began = time.monotonic()
        recipe = self.predictor_recipe()
        predictor, workforce = lambda: recipe.predictor(self.fast_teacher()), in_this_process
        if c.ray_address:
            predictor, workforce = recipe, RayWorkforce(c.ray_address, c.ray_workers)
        store = write_store(self._store_root, self.spec, lambda: self.text, self.tokenizer, predictor, tokenizer,
                            workforce=workforce)
        if isinstance(self.text, AugmentedText) and not has_provenance(store):
            save_provenance(store, self.text.codes(), self.text.provenance)
        self.store_seconds = time.monotonic() - began
        return store

    def fast_teacher(self) -> LoadedTeacher:
        """The teacher as `--teacher_path` runs it over the transfer set."""
        c, tokenizer = self.config, self.labelled.tokenizer
        if c.teacher_path == EXACT:
            return self.teacher
        sample = self.task.text_features(tokenizer, list(evenly(self.text, self.text.sentences, SAMPLE)),
                                         c.seq_len).features
        return accelerated(self.teacher, c.teacher_path, c.teacher_tolerance, sample, tokenizer.pad_token_id,
                           c.teacher_batch_size, self.signals)

    def predictor_recipe(self) -> PredictorRecipe:
        """Makes what runs the teacher, with the signals that the phases need."""
        return PredictorRecipe(self.fine_tuned, self.task, self.signals, self.labelled.tokenizer.pad_token_id,
                               self.config.teacher_batch_size, self.config.seq_len)

    def _distillation_data(self) -> DistillationData:
        c = self.config
        train, dev = (self.labelled.encode(self.tokenizer, split, c.seq_len) for split in ("train", "dev"))
        store = self.store
        self._seen(train, dev)
        both = RaggedFeatures.concatenate(train, dev)
        labelled = Split(self._pieces(both), np.arange(len(train)), np.arange(len(train), len(both)))
        transfer = text = None
        if store is not None:
            lean = [*self.task.text_columns, LOGITS]
            lean_store = TransferStore(store, lean)
            text = hold_out(lean_store, c.holdout_fraction, c.max_holdout, c.seed,
                            load_provenance(store, len(lean_store)))
            transfer = dataclasses.replace(text, source=self._pieces(TransferStore(store)))
            text = dataclasses.replace(text, source=self._pieces(text.source))
        self._start = fingerprint({"labelled": self.labelled.fingerprint, "task": [self.task.kind, self.task.labels],
                                   "store": Manifest.load(store).fingerprint if store else None,
                                   "vocabulary": self.vocabulary.identity,
                                   "teacher": self.fine_tuned and self.fine_tuned.fingerprint, "seq_len": c.seq_len,
                                   "trimmed": self.kept.further or True if self.trimmed else False,
                                   "holdout": [c.holdout_fraction, c.max_holdout]})
        return DistillationData(labelled, transfer, text, self.tokenizer.pad_token_id)

    def _seen(self, train: RaggedFeatures, dev: RaggedFeatures) -> None:
        """Finds the pieces that labelled and transfer text use, and trims the vocabulary to them if asked to."""
        text, own = (piece_counts(len(self.tokenizer), ids) for ids in (
            itertools.chain([train.data["input_ids"]], stored_ids(self.store) if self.store else ()),
            [dev.data["input_ids"]]))
        self.kept: KeptPieces = kept_pieces(self.tokenizer, text, own,
                                            self.config.trim_keep if self.config.trim_vocabulary else 0)
        if self.config.trim_vocabulary:
            self.whole_tokenizer = self.tokenizer
            self.trimmed = trim_tokenizer(self.tokenizer, self.kept.mask)
            self.tokenizer = self.trimmed.tokenizer
            self.shape = self.shape.with_vocabulary(len(self.tokenizer), self.tokenizer.pad_token_id)
            log.info("vocabulary trimmed from %d to %d pieces; %d of them are further ones: of the pieces of dev text "
                     "%.2f %% are lacking, without them %.2f %%", len(self.whole_tokenizer), len(self.tokenizer),
                     self.kept.further, 100 * self.kept.lacking, 100 * self.kept.lacking_alone)

    def _pieces(self, source: FeatureSource) -> FeatureSource:
        return RemappedPieces(source, self.trimmed) if self.trimmed else source

    # Student

    def _distil(self, phases: list[Phase], folder: str) -> Distilled:
        """Trains a student through phases."""
        c = self.config
        origin = self._start_of(phases)
        with self.workers.chief_first():
            origin.prepare(self.shape)
            c = dataclasses.replace(c, opt_policy=self._policy())
        with precision(c.opt_policy), self.workers.strategy.scope():
            tf_keras.utils.set_random_seed(c.seed)
            student = origin.student(self.shape)
            if (bias := self.task.head_bias(self.corpus.train)) is not None:
                student.head.bias.assign(bias)
            start = fingerprint([self._start, dataclasses.asdict(self.shape), origin.identity, c.seed])
            runner = Runner(student, self.task, self.data, lambda phase: phase_settings(c, phase),
                            self.dir / folder, start, c.checkpoint_minutes,
                            lambda phase, record: self.log.epoch(f"{folder}/{phase}", record),
                            self._dev_score(student), c.steps_per_execution)
            records = runner.run(phases)
        self.energy = origin.energy
        # Under the default precision again: what is measured, saved and exported computes in float32.
        return Distilled(deployed(student), records, runner.fingerprint)

    def _policy(self) -> str:
        """The precision of the student's training."""
        c = self.config
        if c.opt_policy != AUTO:
            return c.opt_policy
        batch_size, pieces = c.student_distil_batch_size, min(c.seq_len, 24)
        return chosen_policy(self.dir / "checkpoints" / "precision.json",
                             fingerprint([dataclasses.asdict(self.shape), batch_size, pieces]),
                             lambda: step_seconds(lambda: new_student(self.shape), batch_size, pieces))

    def _start_of(self, phases: list[Phase], trimmed: bool = True) -> StudentStart:
        """What a student starts from; labels alone know nothing of the transfer text."""
        store = self.store if needs_teacher(phases) else None
        return StudentStart(self.config, self.fine_tuned, lambda: self.teacher, self.vocabulary,
                            self.student_checkpoint, self.trimmed if trimmed else None, self.dir / "checkpoints", store)

    def _dev_score(self, student: Any) -> Callable[[], dict[str, float]]:
        predictor, main = StudentPredictor(student, self.tokenizer, self.task), self.task.main_score

        def measure_dev() -> dict[str, float]:
            return {main: predictor.dev_scores(self.corpus.dev)[main]}

        return measure_dev

    # Measuring

    def _measure(self, distilled: Distilled, baseline: Distilled | None) -> dict[str, Any]:
        began = time.monotonic()
        split, examples = self.labelled.measured
        students = {"student": (distilled.student, self.tokenizer)}
        if baseline:
            students["direct_baseline"] = (baseline.student, self.tokenizer)
        if self.trimmed:
            origin = self._start_of(self.phases, trimmed=False)
            students["untrimmed"] = (origin.with_all_pieces(distilled.student, self.trimmed),
                                     self.whole_tokenizer)
        seen = min(self.kept.seen, len(self.tokenizer))
        teacher = self.teacher if self.fine_tuned else None
        measured = measure(Measured(teacher, self.labelled.tokenizer, students, self.task, self.config.seq_len,
                                    seen, self.corpus.dev), examples, self.corpus.extra_dev)
        records = [(r.name, r) for r in distilled.records]
        records += [(f"labels alone: {r.name}", r) for r in (baseline.records if baseline else [])]
        timed = ({"teacher fine-tuning": self.fine_tuned} if self.fine_tuned else {}) | dict(records)
        seconds = {name: round(step.seconds, 1) for name, step in timed.items()}
        if self.store is not None and self.comparison:
            self.comparison = with_teachers_view(self.comparison, self.store, self.labelled, lambda: self.teacher,
                                                 self.config.seq_len)
        if self.store is not None:
            seconds["transfer store"] = round(self.store_seconds, 1)
        if self.task.decoding_name:
            measured["decoding"] = self.task.decoding_name
        return {"task": self.config.task, "kind": self.task.kind, "main_score": self.task.main_score, "split": split,
                "sentences": len(examples), "strategy": self.config.strategy, "seen_pieces": seen} | measured | {
            **text_metrics(self.labelled, self.originals, self.comparison),
            **({"trimmed": self.kept.to_json()} if self.trimmed else {}),
            "phases": [dataclasses.asdict(r) for r in distilled.records],
            **({"baseline_phases": [dataclasses.asdict(r) for r in baseline.records]} if baseline else {}),
            "teacher_history": self.fine_tuned.history if self.fine_tuned else [], "embedding_energy": self.energy,
            "cpu_seconds": {name: round(step.cpu_seconds, 1) for name, step in timed.items()},
            "seconds": seconds | {"evaluation": round(time.monotonic() - began, 1)},
            "config": self.config.to_json(), "command": self.command, "versions": versions()}
