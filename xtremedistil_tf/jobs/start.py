"""The weights that a student starts from: a checkpoint's, the teacher's word embeddings, or chance."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.export import listed
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.jobs.choice import starts_from_teacher_embeddings
from xtremedistil_tf.jobs.vocabulary import Vocabulary, carried_over
from xtremedistil_tf.students.pretrained import load_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.teachers.checkpoints import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.teachers.tokenizers import common_tokenizer
from xtremedistil_tf.teachers.word_embeddings import (
    ReducedEmbeddings,
    centred,
    checkpoint_word_embeddings,
    reduce_embeddings,
    standardised,
    state_embeddings,
    state_weights,
)
from xtremedistil_tf.teachers.workshop import FineTunedTeachers
from xtremedistil_tf.tokenization.trimming import Trimmed
from xtremedistil_tf.transfer.layout import Manifest
from xtremedistil_tf.transfer.piece_states import piece_states

log = logging.getLogger(__name__)


class StudentStart:
    """Makes students with their first weights.

    Args:
        config: of the run.
        fine_tuned: the teachers.
        teacher: gives the loaded teacher; called only when its table is needed.
        vocabulary: the student's, before trimming.
        checkpoint: resolved `pt_student_checkpoint`, or "".
        trimmed: the trimmed vocabulary, if it is.
        folder: where the reduced table is kept, so that a resumed run starts from the very same numbers.
        store: the transfer store, whose mean states of the pieces `embedding_init=teacher_states` takes; None: there
            is none, the table is an SVD of the teacher's.

    Attributes:
        energy: share of the teacher's embedding energy that the reduced table keeps; None without one.
    """

    def __init__(self, config: DistillationConfig, fine_tuned: FineTunedTeachers | None,
                 teacher: Callable[[], LoadedTeacher], vocabulary: Vocabulary, checkpoint: str,
                 trimmed: Trimmed | None, folder: pathlib.Path, store: pathlib.Path | None = None):
        self._config, self._fine_tuned, self._teacher, self._store = config, fine_tuned, teacher, store
        self._vocabulary, self._checkpoint, self._trimmed, self._folder = vocabulary, checkpoint, trimmed, folder
        self.energy: float | None = None

    @property
    def identity(self) -> str:
        """Fingerprint of where the weights come from."""
        scale = self._scale
        return fingerprint([self._checkpoint and checkpoint_fingerprint(self._checkpoint),
                            starts_from_teacher_embeddings(self._config), self._init,
                            *([scale] if scale != "none" else [])])

    @property
    def _init(self) -> str:
        init = self._config.embedding_init
        return "svd" if init == "teacher_states" and self._store is None else init

    @property
    def _scale(self) -> str:
        return self._config.embedding_scale or "none"

    def prepare(self, shape: Any) -> None:
        """Makes the reduced table that students with this shape start from, if they do, and keeps it."""
        if starts_from_teacher_embeddings(self._config):
            self._reduced_file(shape.embedding_size)

    def student(self, shape: Any) -> Any:
        """A student with its first weights, under the current precision policy."""
        student = new_student(shape)
        if self._checkpoint:
            load_encoder(student, self._checkpoint)
        table = self._table(shape)
        if table is not None:
            student.set_word_embeddings(table)
        return student

    def with_all_pieces(self, student: Any, trimmed: Trimmed) -> Any:
        """A trimmed student with the whole vocabulary again: pieces that were cut have their first embeddings."""
        tokenizer = self._vocabulary.tokenizer
        shape = student.shape.with_vocabulary(len(tokenizer), tokenizer.pad_token_id)
        whole, rows = new_student(shape), self._table(shape)
        rows = whole.word_embeddings.numpy() if rows is None else rows.copy()
        rows[trimmed.kept] = student.word_embeddings.numpy()
        weights = [v.numpy() for v in student.variables]
        for variable, value in zip(whole.variables, weights):
            if variable is not whole.word_embeddings:
                variable.assign(value)
        whole.set_word_embeddings(rows)
        return whole

    def _table(self, shape: Any) -> np.ndarray | None:
        """float32 [student's pieces, embedding size]; None where the student keeps what it has."""
        if starts_from_teacher_embeddings(self._config):
            table = self._reduced(shape.embedding_size)
        elif self._checkpoint and self._trimmed:
            table = checkpoint_word_embeddings(self._checkpoint)
        else:
            return None
        return table[self._trimmed.kept] if self._trimmed else table

    def _reduced(self, size: int) -> np.ndarray:
        file = self._reduced_file(size)
        self.energy = read_json(file.with_suffix(".json"))["energy"]
        return np.load(file)

    def _reduced_file(self, size: int) -> pathlib.Path:
        """The teacher's embeddings in `size` dimensions, made unless they are there."""
        tokenizer = self._vocabulary.tokenizer
        init, scale = self._init, self._scale
        store = [Manifest.load(self._store).fingerprint] if init == "teacher_states" else []
        name = fingerprint([self._fine_tuned.fingerprint, size, len(tokenizer), self._vocabulary.identity, init, *store,
                            *([scale] if scale != "none" else [])])[:8]
        file = self._folder / f"embedding-{name}.npy"
        energy_file = file.with_suffix(".json")
        if not energy_file.exists():
            table = self._pretrained() if init == "pretrained_svd" else self._teacher().word_embeddings()
            weights = None
            if init == "teacher_states":
                reduced, weights = self._from_states(table, size)
                table = reduced.table
            else:
                reduced = reduce_embeddings(table, size, "pca" if init == "pca" else "svd")
                table = self._of_student(reduced.table)
            if scale != "none":
                table = standardised(table, scale, weights)
            with atomic_file(file) as part:
                np.save(part, table)
            write_json(energy_file, {"energy": reduced.energy})
        return file

    def _of_student(self, table: np.ndarray) -> np.ndarray:
        """A row for each piece of the student's vocabulary, before trimming."""
        tokenizer, teachers = self._vocabulary.tokenizer, self._vocabulary.teachers
        table = _fit_rows(table, len(teachers or tokenizer))
        return table if teachers is None else carried_over(table, teachers, tokenizer)

    def _from_states(self, table: np.ndarray, size: int) -> tuple[ReducedEmbeddings, np.ndarray | None]:
        """The reduced table, and what each piece counts for in it."""
        states = piece_states(self._store)
        if states is None:
            log.warning("transfer store %s: has neither mean states of the pieces nor hidden states; word embeddings "
                        "start from the SVD of the teacher's embeddings", self._store)
            reduced = reduce_embeddings(table, size)
            return ReducedEmbeddings(self._of_student(reduced.table), reduced.energy), None
        full = state_embeddings(self._of_student(table), states)
        weights = state_weights(states, len(full))
        return reduce_embeddings(centred(full, weights), size, weights=weights), weights

    def _pretrained(self) -> np.ndarray:
        """The word embeddings that the first teacher had before its fine-tuning."""
        checkpoint = resolve_checkpoint(listed(self._config.pt_teacher_checkpoint)[0])
        # A teacher that was given need not come from this checkpoint: rows of other pieces would be nonsense.
        common_tokenizer([str(self._fine_tuned.path), checkpoint])
        return checkpoint_word_embeddings(checkpoint)


def _fit_rows(table: np.ndarray, rows: int) -> np.ndarray:
    """Some checkpoints have more embedding rows than pieces, or fewer where tokens were added."""
    if len(table) >= rows:
        return table[:rows]
    return np.concatenate([table, np.repeat(table.mean(0, keepdims=True), rows - len(table), 0)])
