"""The step that makes what the student trains on: labelled data and store, in the student's vocabulary."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import pathlib
from typing import Any

import numpy as np

from xtremedistil_tf.batching.ragged import FeatureSource, RaggedFeatures
from xtremedistil_tf.batching.remapped import RemappedPieces
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.distillation.data import Split, hold_out
from xtremedistil_tf.distillation.runner import DistillationData
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.jobs.choice import StudentShape
from xtremedistil_tf.jobs.labelled import Labelled
from xtremedistil_tf.jobs.run import Run
from xtremedistil_tf.jobs.student_plan import StudentPlan
from xtremedistil_tf.jobs.teachers import Teachers
from xtremedistil_tf.jobs.vocabulary import Vocabulary
from xtremedistil_tf.tokenization.kept_pieces import KeptPieces, kept_pieces, piece_counts
from xtremedistil_tf.tokenization.trimming import Trimmed, trim_tokenizer
from xtremedistil_tf.transfer.layout import LOGITS, Manifest, stored_ids
from xtremedistil_tf.transfer.provenance import load_provenance
from xtremedistil_tf.transfer.reader import TransferStore

log = logging.getLogger(__name__)


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
        kept, trimmed = _vocabulary(c, vocabulary.tokenizer, train, dev, store)
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
            lean = TransferStore(store, [*labelled.task.text_columns, LOGITS])
            text = hold_out(lean, c.holdout_fraction, c.max_holdout, c.seed, load_provenance(store, len(lean)))
            transfer = dataclasses.replace(text, source=pieces(TransferStore(store)))
            text = dataclasses.replace(text, source=pieces(text.source))
        step.fingerprint = _identity(labelled, teachers, vocabulary, c, store, kept, trimmed)
    return TrainingData(DistillationData(own, transfer, text, tokenizer.pad_token_id), tokenizer, shape, kept, trimmed,
                        step.fingerprint)


def _vocabulary(config: DistillationConfig, tokenizer: Any, train: RaggedFeatures, dev: RaggedFeatures,
                store: pathlib.Path | None) -> tuple[KeptPieces, Trimmed | None]:
    """The pieces that labelled and transfer text use, and the vocabulary trimmed to them if asked to."""
    stored = stored_ids(store) if store else ()
    text, own = (piece_counts(len(tokenizer), ids) for ids in (
        itertools.chain([train.data["input_ids"]], stored), [dev.data["input_ids"]]))
    kept = kept_pieces(tokenizer, text, own, config.trim_keep if config.trim_vocabulary else 0)
    if not config.trim_vocabulary:
        return kept, None
    trimmed = trim_tokenizer(tokenizer, kept.mask)
    log.info("vocabulary trimmed from %d to %d pieces, %d of them not in the text: of the pieces of dev text "
             "%.2f %% are missing, without those %.2f %%", len(tokenizer), len(trimmed.tokenizer), kept.further,
             100 * kept.lacking, 100 * kept.lacking_alone)
    return kept, trimmed


def _identity(labelled: Labelled, teachers: Teachers, vocabulary: Vocabulary, config: DistillationConfig,
              store: pathlib.Path | None, kept: KeptPieces, trimmed: Trimmed | None) -> str:
    task, fine_tuned = labelled.task, teachers.fine_tuned
    return fingerprint({"labelled": labelled.fingerprint, "task": [task.kind, task.labels],
                        "store": Manifest.load(store).fingerprint if store else None,
                        "vocabulary": vocabulary.identity,
                        "teacher": fine_tuned and fine_tuned.fingerprint, "seq_len": config.seq_len,
                        "trimmed": kept.further or True if trimmed else False,
                        "holdout": [config.holdout_fraction, config.max_holdout]})
