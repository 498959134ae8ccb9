"""What the students of a sweep cost, before any of them, or the teacher, is trained."""

from __future__ import annotations

import itertools
import logging
import pathlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from xtremedistil_tf.config import DistillationConfig, ExportConfig
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.evaluation.footprint import count_parameters, measure_footprint
from xtremedistil_tf.runs.export import Exports
from xtremedistil_tf.runs.labelled_data import Labelled, open_labelled, student_vocabulary
from xtremedistil_tf.runs.student_plan import starting_checkpoint
from xtremedistil_tf.runs.student_shape import student_shape
from xtremedistil_tf.runs.sweep.candidates import Candidate, candidates, weights
from xtremedistil_tf.runs.teachers import sizes_before_training
from xtremedistil_tf.runs.transfer_text import transfer_text
from xtremedistil_tf.students.metadata import size_of
from xtremedistil_tf.students.model_directory import load_student, save_student
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.tokenization.trimming import kept_pieces, piece_counts, trim_tokenizer
from xtremedistil_tf.transfer.format import stored_ids
from xtremedistil_tf.transfer.text import TransferText

log = logging.getLogger(__name__)

_SECONDS = 1.0
_THREADS = 1
# Neither size nor latency depends on how many there are.
_EXAMPLES = 100
_CHUNK = 4096


class Untrained:
    """Makes the students of a sweep with random weights and measures them as they would be shipped.

    Args:
        config: of the sweep.

    Raises:
        ConfigError, DataError, ModelLoadError: the settings contradict each other, or name what is not there;
            all students are checked before any is measured.
    """

    def __init__(self, config: SweepConfig):
        self._config, shared = config, config.shared()
        self._folder = pathlib.Path(config.folder)
        labelled = open_labelled(shared)
        checkpoint = starting_checkpoint(shared, labelled)
        text = transfer_text(shared, labelled)
        self._tokenizer = student_vocabulary(
            shared, labelled.tokenizer, checkpoint, self._folder / "vocabulary", text or (),
            text.fingerprint if text else "").tokenizer
        sizes = sizes_before_training(shared, labelled)
        self._shapes = {c.name: student_shape(c.config, self._tokenizer, labelled.task, sizes, checkpoint)
                        for c in candidates(config)}
        if shared.trim_vocabulary:
            self._trim(_kept_mask(shared, labelled, text, self._tokenizer))
        self._labelled = labelled

    def measure(self, candidate: Candidate) -> dict[str, Any]:
        """Costs of a student in every quantization.

        Returns:
            `parameters`; `forms` {quantization: {"ms": least, "megabytes"}}; `refused` {quantization:
            reason} for those that cannot be written or run.
        """
        forms: dict[str, Any] = {}
        refused: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix=".part-untrained-", dir=self._folder) as part:
            exports = self._exports(candidate, pathlib.Path(part))
            for quantization in self._config.quantizations():
                try:
                    forms[quantization] = self._costs(exports, quantization)
                except XtremeDistilError as error:
                    refused[quantization] = str(error)
        told = [f"{weights(name)} {cost['ms']:.3g} ms, {cost['megabytes']:.3g} MB" for name, cost in forms.items()]
        told += [f"{weights(name)} could not be exported: {reason}" for name, reason in refused.items()]
        log.info("untrained %s: %s", candidate.title, "; ".join(told))
        return {"parameters": count_parameters(exports.saved.student), "forms": forms, "refused": refused}

    def _exports(self, candidate: Candidate, model_dir: pathlib.Path) -> Exports:
        student, task = deployed(new_student(self._shapes[candidate.name])), self._labelled.task
        save_student(model_dir, student, self._tokenizer, task, candidate.config.to_json())
        corpus = self._labelled.corpus
        return Exports(ExportConfig(model_dir=str(model_dir)), load_student(model_dir), candidate.config,
                       corpus.dev[:_EXAMPLES], corpus.has_pairs)

    def _costs(self, exports: Exports, quantization: str) -> dict[str, float]:
        form, saved = self._config.sweep_format, exports.saved
        file = saved.weights_file if form == "keras" else exports.write(form, quantization)
        measured = measure_footprint(
            form, exports.model_dir, quantization, exports.features, len(saved.tokenizer),
            saved.tokenizer.pad_token_id, exports.settings.seq_len, _THREADS, _SECONDS)
        # Not the median, which on a busy machine may be many times as much: nobody is dropped for that.
        return {"ms": measured["latency"]["batch_1"]["min_ms"], "megabytes": size_of(file) / 1e6}

    def _trim(self, seen: np.ndarray) -> None:
        self._tokenizer = trim_tokenizer(self._tokenizer, seen).tokenizer
        self._shapes = {name: shape.with_vocabulary(len(self._tokenizer), self._tokenizer.pad_token_id)
                        for name, shape in self._shapes.items()}


def _kept_mask(config: DistillationConfig, labelled: Labelled, text: TransferText | None,
               tokenizer: Any) -> np.ndarray:
    """bool [pieces]: what `trim_vocabulary` keeps, but for what `augment` will add."""
    train, dev = (labelled.encode(tokenizer, split, config.seq_len).data["input_ids"] for split in ("train", "dev"))
    stored = stored_ids(pathlib.Path(config.transfer_store)) if config.transfer_store else ()
    counts = piece_counts(len(tokenizer),
                          itertools.chain([train], stored, _encoded(config, labelled, text or (), tokenizer)))
    return kept_pieces(tokenizer, counts, piece_counts(len(tokenizer), [dev]), config.trim_keep).mask


def _encoded(config: DistillationConfig, labelled: Labelled, text: Iterable[AnyExample],
             tokenizer: Any) -> Iterator[np.ndarray]:
    """The input ids of a text, some thousand examples at a time."""
    examples = iter(text)
    while chunk := list(itertools.islice(examples, _CHUNK)):
        yield labelled.task.text_features(tokenizer, chunk, config.seq_len).features.data["input_ids"]
