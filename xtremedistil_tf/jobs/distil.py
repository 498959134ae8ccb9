"""The main job: task and text in, measured student and exports out. Every step is kept and resumed."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import time
from typing import Any, Callable

import numpy as np
import tf_keras

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.batching.ragged import FeatureSource, RaggedFeatures
from xtremedistil_tf.batching.remapped import RemappedPieces
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import read_unlabeled
from xtremedistil_tf.distillation.data import Split, hold_out
from xtremedistil_tf.distillation.runner import (DistillationData, PhaseRecord, PhaseSettings, Runner,
                                                 needs_hidden_states, needs_teacher)
from xtremedistil_tf.distillation.schedule import Phase, phases_of
from xtremedistil_tf.evaluation.measuring import Measured, measure
from xtremedistil_tf.export.layout import EXPORT, exported_path
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.fingerprint import examples_fingerprint, fingerprint
from xtremedistil_tf.jobs.labelled import open_labelled
from xtremedistil_tf.jobs.start import StudentStart
from xtremedistil_tf.jobs.vocabulary import student_vocabulary
from xtremedistil_tf.report.html import write_report
from xtremedistil_tf.report.model_card import write_model_card
from xtremedistil_tf.report.table import results_table
from xtremedistil_tf.report.tensorboard import EpochLog
from xtremedistil_tf.students.bilstm import HEAD, PROJECTION
from xtremedistil_tf.jobs.choice import (TeacherSizes, layer_pairs, learning_rate_of, needs_no_teacher,
                                             signal_of, student_kind, student_shape, teacher_signals)
from xtremedistil_tf.students.hugging_face import save_encoder
from xtremedistil_tf.students.model_directory import CONFIG_FILE, WEIGHTS_FILE, save_student, versions
from xtremedistil_tf.students.prediction import StudentPredictor
from xtremedistil_tf.students.registry import deployed
from xtremedistil_tf.teachers.checkpoints import resolve_checkpoint
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherSignals
from xtremedistil_tf.teachers.workshop import FineTunedTeachers
from xtremedistil_tf.tokenization.trimming import Trimmed, trim_tokenizer
from xtremedistil_tf.training.precision import precision
from xtremedistil_tf.transfer.given import check_given_store
from xtremedistil_tf.transfer.layout import LOGITS, Manifest
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText
from xtremedistil_tf.transfer.writer import StoreSpec, signal_columns, write_store

log = logging.getLogger(__name__)

BASELINE = "D0S"


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
        self.config, self.command = config, command
        student_kind(config)  # contradictions are refused before anything long begins
        self.dir = pathlib.Path(config.model_dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log = EpochLog(self.dir / "logs")
        self._teacher: LoadedTeacher | None = None
        self.trimmed: Trimmed | None = None

    def run(self) -> dict[str, Any]:
        """Runs what is missing and returns the metrics, as `metrics.json` has them."""
        began = time.monotonic()
        self._open()
        self._choose_student()
        store = self._write_store() if needs_teacher(self.phases) else None
        data = self._distillation_data(store)
        student = self._distil(data, self.phases, "checkpoints")
        baseline = self._distil(data, self._phases(BASELINE), "baseline") if self._wants_baseline else None
        identity = self._identity(student, baseline)
        metrics = self._finished(identity)
        if metrics is None:
            metrics = self._measure(student, baseline, store)
            metrics["fingerprint"] = identity
            metrics["seconds"]["this run"] = round(time.monotonic() - began, 1)
            self._write(student, metrics)
        print(results_table(metrics))
        return metrics

    def _open(self) -> None:
        """Reads the labelled data and finds or makes the teachers and the student's vocabulary."""
        c = self.config
        self.labelled = open_labelled(_without_teacher(c) if needs_no_teacher(c) else c)
        self.corpus, self.task = self.labelled.corpus, self.labelled.task
        self.student_checkpoint = resolve_checkpoint(c.pt_student_checkpoint) if c.pt_student_checkpoint else ""
        self.fine_tuned: FineTunedTeachers | None = None
        if not needs_no_teacher(c):
            self.fine_tuned = self.labelled.make_teachers(c, self.dir / "teacher",
                                                          lambda record: self.log.epoch("teacher", record))
        self.text = self._transfer_text()
        self.vocabulary = student_vocabulary(c, self.labelled.tokenizer, self.student_checkpoint,
                                             self.dir / "checkpoints", self.text or (),
                                             self.text.fingerprint if self.text else "")
        self.tokenizer = self.vocabulary.tokenizer

    def _transfer_text(self) -> TransferText | None:
        c = self.config
        if c.transfer_store or (c.strategy == BASELINE and not c.student_vocab_size):
            return None
        return TransferText(lambda: read_unlabeled(c.transfer_file, self.task.kind, c.do_pairwise)
                            if c.transfer_file else (), c.transfer_file,
                            self.corpus.surplus if c.transfer_surplus else [], c.max_transfer)

    def _choose_student(self) -> None:
        """Decides shape, phases, and what the store must hold, before anything long begins."""
        c = self.config
        teacher = self.fine_tuned
        sizes = TeacherSizes(teacher.num_layers, teacher.width, teacher.num_heads) if teacher else None
        self.shape = student_shape(c, self.tokenizer, self.task, sizes, self.student_checkpoint)
        self.phases = self._phases(c.strategy)
        self.signals = TeacherSignals()
        if needs_hidden_states(self.phases):
            self.signals = teacher_signals(c, self.shape, layer_pairs(c, self.shape, sizes))

    def _phases(self, strategy: str) -> list[Phase]:
        blocks = self.shape.blocks if self.config.unfreeze == "block" else ()
        steps = self.shape.representation_steps if self.config.progressive_transfer else ()
        return phases_of(strategy, self.shape.groups, blocks, steps)

    def _identity(self, student: Distilled, baseline: Distilled | None) -> str:
        test = examples_fingerprint(self.corpus.test)
        return fingerprint([student.fingerprint, baseline and baseline.fingerprint, test, self.task.main_score,
                            versions()])

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
        save_student(self.dir, student.student, self.tokenizer, self.task, self.config.to_json())
        export_saved_model(exported_path(self.dir, "saved_model"), student.student, self.tokenizer, self.task,
                           pairs=self.corpus.has_pairs)
        if student.student.kind == "transformer":
            main = self.task.main_score
            card = {"distilled on": self.config.task, "teacher": self.config.pt_teacher_checkpoint,
                    f"{main} of the student there": f"{100 * metrics['student'][main]:.2f}"}
            save_encoder(self.dir / EXPORT / "encoder", student.student, self.tokenizer, card)
        write_report(self.dir / "report.html", metrics)
        write_model_card(self.dir, metrics, self.task, self.config.to_json())
        write_json(self.dir / "metrics.json", metrics)

    @property
    def _wants_baseline(self) -> bool:
        return self.config.direct_baseline and self.config.strategy != BASELINE

    @property
    def teacher(self) -> LoadedTeacher:
        """The fine-tuned teacher, loaded when something first needs it."""
        if self._teacher is None:
            self._teacher = self.fine_tuned.load(self.task)
        return self._teacher

    # Data

    def _write_store(self) -> pathlib.Path:
        c, tokenizer = self.config, self.labelled.tokenizer
        columns = signal_columns(self.signals, self.fine_tuned.width, self.fine_tuned.num_heads, c.seq_len)
        aligned = self.vocabulary.teachers is not None
        self.store_seconds = 0.0
        if c.transfer_store:
            store = pathlib.Path(c.transfer_store)
            check_given_store(store, StoreSpec({}, self.task, 0, c.seq_len, columns, aligned).columns,
                              len(self.tokenizer))
            return store
        identity = {"teacher": self.fine_tuned.fingerprint, "text": self.text.fingerprint,
                    "vocabulary": self.vocabulary.identity, "signals": dataclasses.asdict(self.signals)}
        spec = StoreSpec(identity, self.task, self.text.sentences, c.seq_len, columns, aligned)
        root = pathlib.Path(c.transfer_store_dir) if c.transfer_store_dir else self.dir / "transfer"
        began = time.monotonic()
        store = write_store(root, spec, lambda: self.text, self.tokenizer,
                            lambda: TeacherPredictor(self.teacher, self.signals.hidden, tokenizer.pad_token_id,
                                                     c.teacher_batch_size, self.signals.attentions, c.seq_len,
                                                     self.signals.relations), tokenizer)
        self.store_seconds = time.monotonic() - began
        return store

    def _distillation_data(self, store: pathlib.Path | None) -> DistillationData:
        c = self.config
        train, dev = (self.labelled.encode(self.tokenizer, split, c.seq_len) for split in ("train", "dev"))
        self._seen([train, dev], store)
        both = RaggedFeatures.concatenate(train, dev)
        labelled = Split(self._pieces(both), np.arange(len(train)), np.arange(len(train), len(both)))
        transfer = text = None
        if store is not None:
            lean = [*self.task.text_columns, LOGITS]
            text = hold_out(TransferStore(store, lean), c.holdout_fraction, c.max_holdout, c.seed)
            transfer = dataclasses.replace(text, source=self._pieces(TransferStore(store)))
            text = dataclasses.replace(text, source=self._pieces(text.source))
        self._start = fingerprint({"labelled": self.labelled.fingerprint, "task": [self.task.kind, self.task.labels],
                                   "store": Manifest.load(store).fingerprint if store else None,
                                   "vocabulary": self.vocabulary.identity,
                                   "teacher": self.fine_tuned and self.fine_tuned.fingerprint, "seq_len": c.seq_len,
                                   "trimmed": self.trimmed is not None,
                                   "holdout": [c.holdout_fraction, c.max_holdout]})
        return DistillationData(labelled, transfer, text, self.tokenizer.pad_token_id)

    def _seen(self, labelled: list[RaggedFeatures], store: pathlib.Path | None) -> None:
        """Finds the pieces that labelled and transfer text use, and trims the vocabulary to them if asked to."""
        seen = np.zeros(len(self.tokenizer), bool)
        for features in labelled:
            seen[features.data["input_ids"]] = True
        for file in sorted(store.glob("shard-*/input_ids.npy")) if store else ():
            seen[np.load(file)] = True
        self.seen_pieces = int(seen.sum())
        if self.config.trim_vocabulary:
            self.whole_tokenizer = self.tokenizer
            self.trimmed = trim_tokenizer(self.tokenizer, seen)
            self.tokenizer = self.trimmed.tokenizer
            self.shape = self.shape.with_vocabulary(len(self.tokenizer), self.tokenizer.pad_token_id)
            log.info("vocabulary trimmed from %d to %d pieces", len(self.whole_tokenizer), len(self.tokenizer))

    def _pieces(self, source: FeatureSource) -> FeatureSource:
        return RemappedPieces(source, self.trimmed) if self.trimmed else source

    # Student

    def _distil(self, data: DistillationData, phases: list[Phase], folder: str) -> Distilled:
        """Trains a student through phases."""
        c = self.config
        origin = StudentStart(c, self.fine_tuned, lambda: self.teacher, self.vocabulary, self.student_checkpoint,
                              self.trimmed, self.dir / "checkpoints")
        with precision(c.opt_policy):
            tf_keras.utils.set_random_seed(c.seed)
            student = origin.student(self.shape)
            start = fingerprint([self._start, dataclasses.asdict(self.shape), origin.identity, c.seed])
            runner = Runner(student, self.task, data, self._settings_of, self.dir / folder, start,
                            c.checkpoint_minutes, lambda phase, record: self.log.epoch(f"{folder}/{phase}", record),
                            self._dev_score(student))
            records = runner.run(phases)
        self.energy = origin.energy
        # Under the default precision again: what is measured, saved and exported computes in float32.
        return Distilled(deployed(student), records, runner.fingerprint)

    def _dev_score(self, student) -> Callable[[], dict[str, float]]:
        predictor, main = StudentPredictor(student, self.tokenizer, self.task), self.task.main_score

        def measure_dev() -> dict[str, float]:
            return {main: self.task.scores(self.corpus.dev, predictor.predict(self.corpus.dev))[main]}

        return measure_dev

    def _settings_of(self, phase: Phase) -> PhaseSettings:
        c = self.config
        epochs = c.ft_epochs if phase.data == "labelled" else c.distil_epochs
        if c.frozen_epochs and set(phase.unfrozen) <= {HEAD, PROJECTION}:
            epochs = min(epochs, c.frozen_epochs)
        return PhaseSettings(phase.name, phase.stage, phase.unfrozen, epochs, c.student_distil_batch_size,
                             c.student_ft_batch_size, c.patience, learning_rate_of(c), c.final_learning_rate,
                             signal_of(c, phase.layers), (c.label_weight, c.representation_weight, c.logit_weight),
                             c.opt_policy, c.seed)

    # Measuring

    def _measure(self, distilled: Distilled, baseline: Distilled | None, store) -> dict[str, Any]:
        began = time.monotonic()
        split, examples = self.labelled.measured
        students = {"student": (distilled.student, self.tokenizer)}
        if baseline:
            students["direct_baseline"] = (baseline.student, self.tokenizer)
        if self.trimmed:
            origin = StudentStart(self.config, self.fine_tuned, lambda: self.teacher, self.vocabulary,
                                  self.student_checkpoint, None, self.dir / "checkpoints")
            students["untrimmed"] = (origin.with_all_pieces(distilled.student, self.trimmed),
                                     self.whole_tokenizer)
        seen = min(self.seen_pieces, len(self.tokenizer))
        teacher = self.teacher if self.fine_tuned else None
        measured = measure(Measured(teacher, self.labelled.tokenizer, students, self.task, self.config.seq_len,
                                    seen), examples, self.corpus.extra_dev)
        records = [(r.name, r) for r in distilled.records]
        records += [(f"labels alone: {r.name}", r) for r in (baseline.records if baseline else [])]
        timed = ({"teacher fine-tuning": self.fine_tuned} if self.fine_tuned else {}) | dict(records)
        seconds = {name: round(step.seconds, 1) for name, step in timed.items()}
        if store is not None:
            seconds["transfer store"] = round(self.store_seconds, 1)
        return {"task": self.config.task, "kind": self.task.kind, "main_score": self.task.main_score, "split": split,
                "sentences": len(examples), "strategy": self.config.strategy, "seen_pieces": seen} | measured | {
            "phases": [dataclasses.asdict(r) for r in distilled.records],
            **({"baseline_phases": [dataclasses.asdict(r) for r in baseline.records]} if baseline else {}),
            "teacher_history": self.fine_tuned.history if self.fine_tuned else [], "embedding_energy": self.energy,
            "cpu_seconds": {name: round(step.cpu_seconds, 1) for name, step in timed.items()},
            "seconds": seconds | {"evaluation": round(time.monotonic() - began, 1)},
            "config": self.config.to_json(), "command": self.command, "versions": versions()}


def _without_teacher(config: DistillationConfig) -> DistillationConfig:
    """The same with the student's checkpoint where a teacher's would be: its tokenizer is the run's."""
    return dataclasses.replace(config, pt_teacher="TFAutoModel", pt_teacher_checkpoint=config.pt_student_checkpoint,
                               teacher_model_dir="")
