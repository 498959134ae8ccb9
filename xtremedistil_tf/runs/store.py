"""The steps that run the teacher over the transfer text, and make what the student trains on."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from typing import Any

import numpy as np

from xtremedistil_tf.augmentation.stream import AugmentedText
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.kept_answers import KeptAnswers
from xtremedistil_tf.corpus.sampling import evenly
from xtremedistil_tf.distillation.runner import DistillationData
from xtremedistil_tf.distillation.stages import Split, hold_out
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.runs.labelled_data import Labelled, Vocabulary
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.student_plan import StudentPlan
from xtremedistil_tf.runs.student_shape import StudentShape
from xtremedistil_tf.runs.teachers import Teachers
from xtremedistil_tf.runs.transfer_text import RunText
from xtremedistil_tf.tasks.answered import softening_of
from xtremedistil_tf.teachers.acceleration import EXACT, SAMPLE, accelerated
from xtremedistil_tf.teachers.fine_tuned import FineTunedTeachers
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.tokenization.trimming import KeptPieces, Trimmed, kept_pieces, piece_counts, trim_tokenizer
from xtremedistil_tf.training.batches import Column, FeatureSource, RaggedFeatures, RemappedPieces
from xtremedistil_tf.transfer.format import (
    KNOWN,
    LOGITS,
    MANIFEST,
    Manifest,
    has_provenance,
    load_provenance,
    save_provenance,
    stored_ids,
)
from xtremedistil_tf.transfer.merge import check_given_store
from xtremedistil_tf.transfer.ray_store import PredictorRecipe, RayWorkforce
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.writer import StoreSpec, in_this_process, signal_columns, write_store

log = logging.getLogger(__name__)


def store_root(config: DistillationConfig) -> pathlib.Path:
    """The folder of the run's transfer stores."""
    return pathlib.Path(config.transfer_store_dir or pathlib.Path(config.model_dir) / "transfer")


@dataclasses.dataclass(frozen=True)
class StoreStep:
    """What the transfer store is made from.

    Attributes:
        run, labelled, teachers, text, vocabulary, plan: what the steps before made.
    """

    run: Run
    labelled: Labelled
    teachers: Teachers
    text: RunText
    vocabulary: Vocabulary
    plan: StudentPlan

    @property
    def _fine_tuned(self) -> FineTunedTeachers:
        found: Any = self.teachers.fine_tuned
        return found

    def spec(self) -> StoreSpec:
        """What the store is to hold."""
        c, plan, text = self.plan.config, self.plan, self.text.used
        identity: dict[str, Any] = {
            "teacher": self.teachers.fingerprint, "text": text.fingerprint,
            "vocabulary": self.vocabulary.identity, "signals": dataclasses.asdict(plan.kept)}
        if plan.piece_states:
            identity["piece_states"] = plan.signals.hidden[-1]
        if c.teacher_path != EXACT:
            identity["teacher_path"] = [c.teacher_path, c.teacher_tolerance]
        aligned = self.vocabulary.teachers is not None or text.has_originals
        if self.labelled.answers:
            return self._answered_spec(identity, self.labelled.answers)
        return StoreSpec(identity, self.labelled.task, text.sentences, c.seq_len, self._signal_columns(), aligned,
                         c.hidden_components, c.hidden_dtype, c.attention_sample, plan.piece_states)

    def _answered_spec(self, identity: dict[str, Any], answers: KeptAnswers) -> StoreSpec:
        softening, c = softening_of(self.plan.config), self.plan.config
        tokenizer = self.vocabulary.tokenizer.backend_tokenizer.to_str()
        identity |= {"answers": answers.fingerprint, "softening": dataclasses.astuple(softening),
                     "labels": self.labelled.task.labels, "vocabulary": fingerprint(tokenizer)}
        partly = self.labelled.task.per_piece and bool(answers.facts["partly"] or softening.least_score)
        return StoreSpec(identity, self.labelled.task, self.text.used.sentences, c.seq_len, {}, softening=softening,
                         partly_known=partly)

    def predictor_recipe(self) -> PredictorRecipe:
        """Makes what runs the teacher, with the signals that the phases need."""
        c = self.plan.config
        return PredictorRecipe(self._fine_tuned, self.labelled.task, self.plan.signals,
                               self.labelled.tokenizer.pad_token_id, c.teacher_batch_size, c.seq_len)

    def fast_teacher(self) -> LoadedTeacher:
        """The teacher as `teacher_path` runs it over the transfer set."""
        c, tokenizer, text = self.plan.config, self.labelled.tokenizer, self.text.used
        if c.teacher_path == EXACT:
            return self.teachers.loaded
        sample = self.labelled.task.text_features(tokenizer, list(evenly(text, text.sentences, SAMPLE)),
                                                  c.seq_len).features
        return accelerated(self.teachers.loaded, c.teacher_path, c.teacher_tolerance, sample, tokenizer.pad_token_id,
                           c.teacher_batch_size, self.plan.signals)

    def make(self) -> pathlib.Path:
        """The folder of the store, which is written now as far as it is not there.

        Raises:
            TransferStoreError: no room on the disk, or `transfer_store` does not fit the run.
        """
        with self.run.step("transfer store") as step:
            given = self.plan.config.transfer_store
            step.reused = bool(given) or self._is_there()
            store = self._given(pathlib.Path(given)) if given else self._written()
            step.fingerprint = Manifest.load(store).fingerprint
        return store

    def _is_there(self) -> bool:
        store = store_root(self.plan.config) / self.spec().manifest().fingerprint
        return (store / MANIFEST).exists() and Manifest.load(store).complete

    def _given(self, store: pathlib.Path) -> pathlib.Path:
        wanted = StoreSpec({}, self.labelled.task, 0, self.plan.config.seq_len, self._signal_columns(),
                           self.vocabulary.teachers is not None)
        check_given_store(store, wanted.columns, len(self.vocabulary.tokenizer))
        return store

    def _written(self) -> pathlib.Path:
        c, text = self.plan.config, self.text.used
        if self.labelled.answers:
            return write_store(store_root(c), self.spec(), lambda: text, self.vocabulary.tokenizer, _no_predictor)
        recipe = self.predictor_recipe()
        predictor, workforce = lambda: recipe.predictor(self.fast_teacher()), in_this_process
        if c.ray_address:
            predictor, workforce = recipe, RayWorkforce(c.ray_address, c.ray_workers)
        store = write_store(store_root(c), self.spec(), lambda: text, self.vocabulary.tokenizer, predictor,
                            self.labelled.tokenizer, workforce=workforce)
        if isinstance(text, AugmentedText) and not has_provenance(store):
            save_provenance(store, text.codes(), text.provenance)
        return store

    def _signal_columns(self) -> dict[str, Column]:
        teachers = self._fine_tuned
        return signal_columns(self.plan.kept, teachers.width, teachers.num_heads, self.plan.config.seq_len)


def _no_predictor() -> Any:
    raise AssertionError("a teacher by file is not run")


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """Attributes:
        data: the sources of the phases.
        tokenizer: the student's, trimmed if it is.
        shape: the student's, for this vocabulary.
        kept: which pieces text uses, and which a trimmed vocabulary keeps.
        trimmed: the trimmed vocabulary, if it is.
        fingerprint: of the data and of what they were made from.
    """

    data: DistillationData
    tokenizer: Any
    shape: StudentShape
    kept: KeptPieces
    trimmed: Trimmed | None
    fingerprint: str


def training_data(run: Run, labelled: Labelled, teachers: Teachers, vocabulary: Vocabulary, plan: StudentPlan,
                  store: pathlib.Path | None) -> TrainingData:
    """Encodes the labelled data, trims the vocabulary if asked to, and splits the store.

    Args:
        run, labelled, teachers, vocabulary, plan: what the steps before made.
        store: folder of the transfer store; None where no phase reads one.
    """
    with run.step("training data") as step:
        c = plan.config
        train, dev = (labelled.encode(vocabulary.tokenizer, split, c.seq_len) for split in ("train", "dev"))
        kept, trimmed = _vocabulary_of_text(c, vocabulary.tokenizer, train, dev, store)
        tokenizer, shape = vocabulary.tokenizer, plan.shape
        if trimmed:
            tokenizer = trimmed.tokenizer
            shape = shape.with_vocabulary(len(tokenizer), tokenizer.pad_token_id)

        def pieces(source: FeatureSource) -> FeatureSource:
            return RemappedPieces(source, trimmed) if trimmed else source

        both = RaggedFeatures.concatenate(train, dev)
        own = Split(pieces(both), np.arange(len(train)), np.arange(len(train), len(both)))
        transfer = text = None
        if store is not None:
            known = [KNOWN] if KNOWN in Manifest.load(store).columns else []
            lean = TransferStore(store, [*labelled.task.text_columns, LOGITS, *known])
            text = hold_out(lean, c.holdout_fraction, c.max_holdout, c.seed, load_provenance(store, len(lean)))
            transfer = dataclasses.replace(text, source=pieces(TransferStore(store)))
            text = dataclasses.replace(text, source=pieces(text.source))
        step.fingerprint = _data_fingerprint(labelled, teachers, vocabulary, c, store, kept, trimmed)
    return TrainingData(DistillationData(own, transfer, text, tokenizer.pad_token_id), tokenizer, shape, kept, trimmed,
                        step.fingerprint)


def _vocabulary_of_text(config: DistillationConfig, tokenizer: Any, train: RaggedFeatures, dev: RaggedFeatures,
                        store: pathlib.Path | None) -> tuple[KeptPieces, Trimmed | None]:
    """The pieces that labelled and transfer text use, and the vocabulary trimmed to them if asked to."""
    stored = stored_ids(store) if store else ()
    text, own = (piece_counts(len(tokenizer), ids) for ids in (
        itertools.chain([train.data["input_ids"]], stored), [dev.data["input_ids"]]))
    kept = kept_pieces(tokenizer, text, own, config.trim_keep if config.trim_vocabulary else 0)
    if not config.trim_vocabulary:
        return kept, None
    trimmed = trim_tokenizer(tokenizer, kept.mask)
    log.info("vocabulary trimmed from %d to %d subwords, %d of them not in the text: of the subwords of dev text "
             "%.2f %% are missing, without those %.2f %%", len(tokenizer), len(trimmed.tokenizer), kept.further,
             100 * kept.lacking, 100 * kept.lacking_alone)
    return kept, trimmed


def _data_fingerprint(labelled: Labelled, teachers: Teachers, vocabulary: Vocabulary, config: DistillationConfig,
                      store: pathlib.Path | None, kept: KeptPieces, trimmed: Trimmed | None) -> str:
    task, fine_tuned = labelled.task, teachers.fine_tuned
    return fingerprint({"labelled": labelled.fingerprint, "task": [task.kind, task.labels],
                        "store": Manifest.load(store).fingerprint if store else None,
                        "vocabulary": vocabulary.identity,
                        "teacher": fine_tuned and fine_tuned.fingerprint, "seq_len": config.seq_len,
                        "trimmed": kept.further or True if trimmed else False,
                        "holdout": [config.holdout_fraction, config.max_holdout]})
