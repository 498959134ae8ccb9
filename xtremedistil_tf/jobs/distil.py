"""The main job: task and text in, measured student and exports out. Every step is kept and resumed."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import time
from typing import Any, Callable, Sequence

import numpy as np
import tf_keras

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.batching.ragged import RaggedFeatures
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import load_task
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.distillation.data import Split, hold_out
from xtremedistil_tf.distillation.runner import (DistillationData, PhaseRecord, PhaseSettings, Runner,
                                                 needs_hidden_states, needs_teacher)
from xtremedistil_tf.distillation.schedule import Phase, phases_of
from xtremedistil_tf.evaluation.comparison import compare, measure_student, measure_teacher
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.fingerprint import examples_fingerprint, fingerprint
from xtremedistil_tf.report.html import write_report
from xtremedistil_tf.report.table import results_table
from xtremedistil_tf.report.tensorboard import EpochLog
from xtremedistil_tf.students.bilstm import BILSTM, EMBEDDING, HEAD, PROJECTION, BiLSTMShape, BiLSTMStudent
from xtremedistil_tf.students.model_directory import new_student, save_student, versions
from xtremedistil_tf.students.prediction import StudentTagger
from xtremedistil_tf.tasks.entity_scores import entity_scores
from xtremedistil_tf.tasks.tagging import training_features
from xtremedistil_tf.teachers.checkpoints import resolve_checkpoint
from xtremedistil_tf.teachers.fine_tuning import TeacherRecipe
from xtremedistil_tf.teachers.loading import check_teacher_class, find_word_embeddings
from xtremedistil_tf.teachers.model import Teacher
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.word_embeddings import reduce_embeddings
from xtremedistil_tf.teachers.workshop import FineTuned, make_teacher, tokenizer_of
from xtremedistil_tf.training.precision import precision
from xtremedistil_tf.transfer.layout import LOGITS
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText
from xtremedistil_tf.transfer.writer import StoreSpec, write_store

log = logging.getLogger(__name__)

GROUPS = (HEAD, PROJECTION, BILSTM, EMBEDDING)
BASELINE = "D0S"


@dataclasses.dataclass(frozen=True)
class Distilled:
    """A student in float32 after its phases, their records, and the fingerprint of its weights."""

    student: BiLSTMStudent
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
        self.dir = pathlib.Path(config.model_dir)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log = EpochLog(self.dir / "logs")
        self.phases = phases_of(config.strategy, GROUPS)
        self._teacher: Teacher | None = None

    def run(self) -> dict[str, Any]:
        """Runs what is missing and returns the metrics, as `metrics.json` has them."""
        began = time.monotonic()
        self._read_data()
        self._make_teacher()
        store = self._write_store() if needs_teacher(self.phases) else None
        data = self._distillation_data(store)
        student = self._distil(data, self.phases, "checkpoints")
        baseline = self._distil(data, phases_of(BASELINE, GROUPS), "baseline") if self._wants_baseline else None
        identity = self._identity(student, baseline)
        metrics = self._finished(identity)
        if metrics is None:
            metrics = self._measure(student, baseline, store)
            metrics["fingerprint"] = identity
            metrics["seconds"]["this run"] = round(time.monotonic() - began, 1)
            self._write(student, metrics)
        print(results_table(metrics))
        return metrics

    def _identity(self, student: Distilled, baseline: Distilled | None) -> str:
        test = examples_fingerprint(self.corpus.test)
        return fingerprint([student.fingerprint, baseline and baseline.fingerprint, test, versions()])

    def _finished(self, identity: str) -> dict[str, Any] | None:
        """The metrics of an earlier run that ended with these very students."""
        file = self.dir / "metrics.json"
        if not file.exists():
            return None
        metrics = read_json(file)
        if metrics.get("fingerprint") != identity:
            return None
        log.info("%s: everything is done already; nothing was measured or written again", self.dir)
        return metrics

    def _write(self, student: Distilled, metrics: dict[str, Any]) -> None:
        """Writes what a user takes away; `metrics.json` is last, for it marks the run as finished."""
        labels = self.corpus.labels
        save_student(self.dir, student.student, self.tokenizer, labels, self.config.to_json())
        export_saved_model(self.dir / "export" / "saved_model", student.student, self.tokenizer, labels)
        write_report(self.dir / "report.html", metrics)
        write_json(self.dir / "metrics.json", metrics)

    @property
    def _wants_baseline(self) -> bool:
        return self.config.direct_baseline and self.config.strategy != BASELINE

    # Data

    def _read_data(self) -> None:
        c = self.config
        chosen = [name.strip() for name in c.languages.split(",") if name.strip()] or None
        self.corpus = load_task(c.task, languages=chosen, max_train=c.max_train_per_language or None,
                                max_dev=c.max_dev_per_language or None,
                                max_test=c.max_test_per_language or None)
        log.info("task %s: %d train, %d dev, %d test sentences, labels %s%s", c.task, len(self.corpus.train),
                     len(self.corpus.dev), len(self.corpus.test), " ".join(self.corpus.labels),
                     f", languages {' '.join(self.corpus.languages)}" if self.corpus.languages else "")
        self.checkpoint = resolve_checkpoint(c.pt_teacher_checkpoint)
        check_teacher_class(c.pt_teacher, self.checkpoint)
        self.tokenizer = tokenizer_of(self.checkpoint)
        self.train_features = self._encode(self.corpus.train, "train")
        self.dev_features = self._encode(self.corpus.dev, "dev")
        self.data_fingerprint = examples_fingerprint([*self.corpus.train, *self.corpus.dev])

    def _encode(self, examples: Sequence[Example], name: str) -> RaggedFeatures:
        encoded = training_features(self.tokenizer, examples, self.corpus.labels, self.config.seq_len)
        if encoded.truncated:
            log.warning("%d of %d %s sentences are longer than --seq_len=%d pieces and are cut for training",
                            encoded.truncated, len(examples), name, self.config.seq_len)
        return encoded.features

    # Teacher

    def _make_teacher(self) -> None:
        c = self.config
        recipe = TeacherRecipe(c.teacher_epochs, c.teacher_learning_rate, c.teacher_ft_batch_size, c.patience,
                               c.seq_len, c.seed, c.opt_policy)
        root = pathlib.Path(c.teacher_model_dir) if c.teacher_model_dir else self.dir / "teacher"
        self.fine_tuned: FineTuned = make_teacher(
            self.checkpoint, root, self.tokenizer, self.corpus.train, self.corpus.dev, self.corpus.labels,
            self.data_fingerprint, recipe, c.checkpoint_minutes, lambda record: self.log.epoch("teacher", record))

    @property
    def teacher(self) -> Teacher:
        """The fine-tuned teacher, loaded when something first needs it."""
        if self._teacher is None:
            self._teacher = self.fine_tuned.load(self.corpus.labels)
        return self._teacher

    @property
    def _layer(self) -> int:
        layers = self.teacher_config["num_hidden_layers"]
        return self.config.teacher_layer or max(1, round(0.6 * layers))

    @property
    def teacher_config(self) -> dict[str, Any]:
        from transformers import AutoConfig
        config = AutoConfig.from_pretrained(self.fine_tuned.path)
        return {"num_hidden_layers": config.num_hidden_layers, "hidden_size": config.hidden_size}

    def _write_store(self) -> pathlib.Path:
        c = self.config
        text = TransferText(c.transfer_file, self.corpus.surplus if c.transfer_surplus else [], c.max_transfer)
        width = self.teacher_config["hidden_size"] if needs_hidden_states(self.phases) else 0
        layer = self._layer if width else 0
        spec = StoreSpec({"teacher": self.fine_tuned.fingerprint, "text": text.fingerprint, "layer": layer},
                         text.sentences, c.seq_len, len(self.corpus.labels), width)
        root = pathlib.Path(c.transfer_store_dir) if c.transfer_store_dir else self.dir / "transfer"
        layers = (layer,) if width else ()
        return write_store(root, spec, text.words, self.tokenizer,
                           lambda: TeacherPredictor(self.teacher, layers, self.tokenizer.pad_token_id,
                                                    c.teacher_batch_size))

    # Student

    def _distillation_data(self, store: pathlib.Path | None) -> DistillationData:
        train, dev = self.train_features, self.dev_features
        both = RaggedFeatures({name: np.concatenate([train.data[name], dev.data[name]]) for name in train.data},
                              np.concatenate([train.offsets, train.offsets[-1] + dev.offsets[1:]]))
        labelled = Split(both, np.arange(len(train)), np.arange(len(train), len(both)))
        transfer = text = None
        if store is not None:
            c = self.config
            split = hold_out(TransferStore(store, ["input_ids", "word_starts", LOGITS]), c.holdout_fraction,
                             c.max_holdout, c.seed)
            text = split
            if needs_hidden_states(self.phases):
                transfer = dataclasses.replace(split, source=TransferStore(store))
        self._start = fingerprint({"labelled": self.data_fingerprint, "labels": self.corpus.labels,
                                   "store": store.name if store else None,
                                   "teacher": self.fine_tuned.fingerprint, "seq_len": self.config.seq_len,
                                   "holdout": [self.config.holdout_fraction, self.config.max_holdout]})
        return DistillationData(labelled, transfer, text, self.tokenizer.pad_token_id)

    @property
    def shape(self) -> BiLSTMShape:
        c = self.config
        return BiLSTMShape(len(self.tokenizer), c.embedding_size, c.lstm_units, self.teacher_config["hidden_size"],
                           len(self.corpus.labels), c.dropout)

    def _initial_embeddings(self) -> np.ndarray | None:
        """The reduced table, kept on disk so that a resumed run starts from the very same numbers."""
        if self.config.embedding_init == "random":
            self.energy = None
            return None
        name = fingerprint([self.fine_tuned.fingerprint, self.config.embedding_size, len(self.tokenizer)])[:8]
        file = self.dir / "checkpoints" / f"embedding-{name}.npy"
        energy_file = file.with_suffix(".json")
        if not energy_file.exists():
            table = find_word_embeddings(self.teacher.classifier).numpy()
            reduced = reduce_embeddings(_fit_rows(table, len(self.tokenizer)), self.config.embedding_size)
            with atomic_file(file) as part:
                np.save(part, reduced.table)
            write_json(energy_file, {"energy": reduced.energy})
            log.info("word embeddings: SVD %d -> %d keeps %.1f %% of the energy", table.shape[1],
                         self.config.embedding_size, 100 * reduced.energy)
        self.energy = read_json(energy_file)["energy"]
        return np.load(file)

    def _fresh_student(self, table: np.ndarray | None):
        tf_keras.utils.set_random_seed(self.config.seed)
        student = new_student(self.shape)
        if table is not None:
            student.set_word_embeddings(table)
        return student

    def _distil(self, data: DistillationData, phases: list[Phase], folder: str) -> Distilled:
        """Trains a student through phases."""
        table = self._initial_embeddings()
        with precision(self.config.opt_policy):
            student = self._fresh_student(table)
            start = fingerprint([self._start, dataclasses.asdict(self.shape), self.config.embedding_init,
                                 self.config.seed])
            runner = Runner(student, data, self._settings_of, self.dir / folder, start,
                            self.config.checkpoint_minutes,
                            lambda phase, record: self.log.epoch(f"{folder}/{phase}", record),
                            self._dev_scores(student))
            records = runner.run(phases)
        exact = new_student(self.shape)
        exact.set_weights(student.get_weights())
        return Distilled(exact, records, runner.fingerprint)

    def _dev_scores(self, student) -> Callable[[], dict[str, float]]:
        tagger = StudentTagger(student, self.tokenizer, self.corpus.labels)

        def measure() -> dict[str, float]:
            predicted = tagger.tag([e.words for e in self.corpus.dev])
            return {"f1": entity_scores([e.tags for e in self.corpus.dev], predicted)["f1"]}

        return measure

    def _settings_of(self, phase: Phase) -> PhaseSettings:
        c = self.config
        epochs = c.ft_epochs if phase.data == "labelled" else c.distil_epochs
        if c.frozen_epochs and set(phase.unfrozen) <= {HEAD, PROJECTION}:
            epochs = min(epochs, c.frozen_epochs)
        return PhaseSettings(phase.name, phase.stage, phase.unfrozen, epochs, c.student_distil_batch_size,
                             c.student_ft_batch_size, c.patience, c.learning_rate, c.final_learning_rate,
                             c.representation_loss, (c.label_weight, c.representation_weight, c.logit_weight),
                             c.opt_policy, c.seed)

    # Measuring

    def _measure(self, distilled: Distilled, baseline: Distilled | None, store) -> dict[str, Any]:
        """The only place that reads the test set."""
        split = "test" if self.corpus.test else "dev"
        examples = self.corpus.test or self.corpus.dev
        seen = self._seen_pieces(store)
        metrics: dict[str, Any] = {"task": self.config.task, "split": split, "sentences": len(examples),
                                   "strategy": self.config.strategy, "seen_pieces": seen}
        began = time.monotonic()
        metrics["teacher"] = measure_teacher(self.teacher, self.tokenizer, self.corpus.labels, examples,
                                             self.config.seq_len, seen)
        metrics["student"] = measure_student(distilled.student, self.tokenizer, self.corpus.labels, examples,
                                             self.config.seq_len, seen)
        metrics["retention"] = compare(metrics["student"], metrics["teacher"])
        phases = [dataclasses.asdict(r) for r in distilled.records]
        if baseline:
            metrics["direct_baseline"] = measure_student(baseline.student, self.tokenizer, self.corpus.labels, examples,
                                                         self.config.seq_len, seen)
            metrics["baseline_phases"] = [dataclasses.asdict(r) for r in baseline.records]
        return metrics | {
            "phases": phases, "teacher_history": self.fine_tuned.history, "embedding_energy": self.energy,
            "cpu_seconds": {"teacher fine-tuning": round(self.fine_tuned.cpu_seconds, 1),
                            **{r.name: round(r.cpu_seconds, 1) for r in distilled.records}},
            "seconds": {"teacher fine-tuning": round(self.fine_tuned.seconds, 1),
                        **{r.name: round(r.seconds, 1) for r in distilled.records},
                        "evaluation": round(time.monotonic() - began, 1)},
            "config": self.config.to_json(), "command": self.command, "versions": versions()}

    def _seen_pieces(self, store: pathlib.Path | None) -> int:
        seen = np.zeros(len(self.tokenizer), bool)
        seen[self.train_features.data["input_ids"]] = True
        if store is not None:
            for file in sorted(store.glob("shard-*/input_ids.npy")):
                seen[np.load(file)] = True
        return int(seen.sum())


def _fit_rows(table: np.ndarray, rows: int) -> np.ndarray:
    """Some checkpoints have more embedding rows than pieces, or fewer where tokens were added."""
    if len(table) >= rows:
        return table[:rows]
    return np.concatenate([table, np.repeat(table.mean(0, keepdims=True), rows - len(table), 0)])
