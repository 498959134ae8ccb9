"""The weights that a student starts from: a checkpoint's, the teacher's mean states or word embeddings, or chance."""

from __future__ import annotations

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.checkpoints.finding import checkpoint_fingerprint, resolve_checkpoint
from xtremedistil_tf.checkpoints.reading import (
    explained,
    find_word_embeddings,
    model_from_pretrained,
    quiet_transformers,
)
from xtremedistil_tf.checkpoints.tokenizers import common_tokenizer
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.fingerprint import fingerprint
from xtremedistil_tf.runs.labelled_data import Vocabulary, carried_over
from xtremedistil_tf.runs.student_shape import starts_from_teacher_embeddings
from xtremedistil_tf.students.encoders import load_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.teachers.fine_tuned import FineTunedTeachers
from xtremedistil_tf.teachers.protocol import LoadedTeacher
from xtremedistil_tf.teachers.torch_loading import require_torch
from xtremedistil_tf.tokenization.trimming import Trimmed
from xtremedistil_tf.transfer.format import Manifest
from xtremedistil_tf.transfer.piece_states import PieceStates, piece_states

log = logging.getLogger(__name__)
#: Exponents of the standard deviation that each dimension is divided by: `unit` makes all dimensions equally strong,
#: `half` their standard deviations the square roots of what they were, `one` leaves their ratios; after any of them
#: the table has zero mean and unit standard deviation.
SCALES = {"unit": 1.0, "half": 0.5, "one": 0.0}
#: What a linear map of the input table predicts counts as so many occurrences of a piece.
PSEUDO_COUNT = 5.0
#: Directions that post-processing removes; the best of those in the XtremeDistil paper's table of embeddings.
REMOVED = 14


@dataclasses.dataclass(frozen=True)
class ReducedEmbeddings:
    """Attributes:
        table: float32 [vocab, size].
        energy: share of the squared Frobenius norm that the table keeps, in (0, 1].
    """

    table: np.ndarray
    energy: float


def reduce_embeddings(table: np.ndarray, size: int, method: str = "svd",
                      weights: np.ndarray | None = None) -> ReducedEmbeddings:
    """Word embeddings in fewer dimensions (XtremeDistil, section on word embeddings).

    `svd`, uncentred and truncated: the rows of the result are U_k S_k, the coordinates of the words in the space
    of the k strongest right singular vectors. They come from the eigenvectors of the [width, width] Gram matrix,
    which is exact and takes seconds where an SVD of the [vocab, width] table takes minutes.

    `pca`: PCA between two post-processings, each of which subtracts the mean and removes the 14 strongest
    directions, or a quarter of all if that is less (Raunak et al. 2019, algorithm 2).

    A `size` above the table's width pads with zeros.

    Args:
        table: float [vocab, width].
        size: k, the student's embedding size.
        method: svd or pca.
        weights: float [vocab], what each row counts for in the choice of directions of `svd`; None: all the same.
    """
    kept = min(size, table.shape[1])
    if method == "pca":
        # Post-processed words have no mean left: their strongest directions are those of PCA.
        found = _post_processed(_coordinates(_post_processed(table), kept))
    else:
        found = _coordinates(table, kept, weights)
    reduced = np.zeros((table.shape[0], size), np.float32)
    reduced[:, :kept] = found
    return ReducedEmbeddings(reduced, _squared_norm(found) / _squared_norm(table))


def state_embeddings(table: np.ndarray, states: PieceStates) -> np.ndarray:
    """The state that the teacher gives each piece on average, for all pieces of the vocabulary.

    A linear map from the input table to the mean states is fitted to the pieces that occur, each weighted by how
    often. The mean state of a piece is shrunk towards what the map predicts, which counts as `PSEUDO_COUNT`
    occurrences; a piece that never occurs has the prediction. (Averages of contextual states instead of input
    embeddings: model2vec; the shrinkage is an empirical Bayes estimate.)

    Args:
        table: float [vocab, width of the embeddings], the teacher's input table.
        states: mean states of the pieces that occur.

    Returns:
        float32 [vocab, width of the states].
    """
    counts = states.counts.astype(np.float64)
    inputs, outputs = table[states.ids].astype(np.float64), states.states.astype(np.float64)
    mean_input, mean_output = (np.average(values, axis=0, weights=counts) for values in (inputs, outputs))
    inputs, outputs = inputs - mean_input, outputs - mean_output
    weighted = inputs * counts[:, None]
    gram = weighted.T @ inputs
    # Where few pieces occur, weak directions of the table say nothing: as many occurrences hold them at zero.
    ridge = PSEUDO_COUNT * np.trace(gram) / (len(gram) * counts.sum()) + 1e-12
    linear = np.linalg.solve(gram + ridge * np.eye(len(gram)), weighted.T @ outputs)
    full = ((table.astype(np.float32) - mean_input.astype(np.float32)) @ linear.astype(np.float32)
            + mean_output.astype(np.float32))
    share = (counts / (counts + PSEUDO_COUNT)).astype(np.float32)[:, None]
    full[states.ids] = share * states.states + (1 - share) * full[states.ids]
    return full


def state_weights(states: PieceStates, vocab_size: int) -> np.ndarray:
    """What each piece counts for when a table of mean states is reduced and standardised: the square root of its
    occurrences. What never occurs says nothing, and frequent pieces must not hide the rare ones.

    Returns:
        float32 [vocab_size].
    """
    weights = np.zeros(vocab_size, np.float32)
    weights[states.ids] = np.sqrt(states.counts)
    return weights


def centred(table: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The table, float32, without the (weighted) mean of its rows."""
    return (table - _mean(table, weights)).astype(np.float32)


def standardised(table: np.ndarray, scale: str, weights: np.ndarray | None = None) -> np.ndarray:
    """Zero mean and unit standard deviation, which the layers above expect.

    Args:
        table: float [vocab, size]; dimensions without variance stay 0.
        scale: one of `SCALES`.
        weights: float [vocab], what each row counts for in mean and deviation; None: all the same.
    """
    table = centred(table, weights)
    deviation = np.sqrt(_mean(table**2, weights))
    used = deviation > 1e-12
    strength = np.where(used, deviation, 1.0) ** SCALES[scale]
    left = np.sqrt(np.mean((deviation / strength)[used] ** 2)) if used.any() else 1.0
    return table / (strength * left).astype(np.float32)


def _mean(table: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """float64 [size]: the (weighted) mean of the rows."""
    if weights is None:
        return table.mean(0, dtype=np.float64)
    return (weights / weights.sum(dtype=np.float64)) @ table


def checkpoint_word_embeddings(checkpoint: str) -> np.ndarray:
    """The word-embedding table of a checkpoint, float32 [vocab, width].

    Args:
        checkpoint: what `checkpoints.finding.resolve_checkpoint` returned.

    Raises:
        MissingExtraError: TensorFlow does not have its architecture, and torch is not installed.
        ModelLoadError: it cannot be read.
    """
    from transformers import AutoConfig, AutoModel, TFAutoModel

    with quiet_transformers(), explained(checkpoint, "the word embeddings"):
        if type(AutoConfig.from_pretrained(checkpoint, trust_remote_code=False)) not in TFAutoModel._model_mapping:
            require_torch()
            table = AutoModel.from_pretrained(checkpoint, trust_remote_code=False).get_input_embeddings().weight
            return table.detach().float().numpy()
        encoder, _ = model_from_pretrained(TFAutoModel, checkpoint)
        encoder(encoder.dummy_inputs, training=False)
        return find_word_embeddings(encoder).numpy()


def _coordinates(table: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    """float32 [rows, size]: along the strongest directions."""
    return table.astype(np.float32) @ _directions(table, weights)[:, :size].astype(np.float32)


def _post_processed(table: np.ndarray) -> np.ndarray:
    table = table - table.mean(0, dtype=np.float64).astype(np.float32)
    strongest = _directions(table)[:, :min(REMOVED, table.shape[1] // 4)].astype(np.float32)
    return table - table @ strongest @ strongest.T


def _directions(table: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """float64 [width, width]: the right singular vectors as columns, the strongest first."""
    values, vectors = np.linalg.eigh(_gram(table, weights))
    vectors = vectors[:, np.argsort(values)[::-1]]
    # The sign of an eigenvector is arbitrary: fix it, so that every LAPACK gives the same student.
    return vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])


def _gram(table: np.ndarray, weights: np.ndarray | None = None, rows: int = 16384) -> np.ndarray:
    gram = np.zeros((table.shape[1], table.shape[1]))
    for begin in range(0, len(table), rows):
        block = table[begin: begin + rows].astype(np.float64)
        weighted = block if weights is None else block * weights[begin: begin + rows, None]
        gram += weighted.T @ block
    return gram


def _squared_norm(table: np.ndarray) -> float:
    # In float64 without a copy of the table in it, which may be gigabytes.
    return float(np.einsum("ij,ij->", table, table, dtype=np.float64))


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
        scale, layers = self._scale, self._config.student_layers
        return fingerprint([self._checkpoint and checkpoint_fingerprint(self._checkpoint),
                            *([layers] if self._checkpoint and layers == "lower" else []),
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
            load_encoder(student, self._checkpoint, self._config.student_layers)
        table = self._table(shape)
        if table is not None:
            student.set_word_embeddings(table)
        return student

    def with_all_pieces(self, student: Any, trimmed: Trimmed) -> Any:
        """A trimmed student with the whole vocabulary again: pieces that were cut have their first embeddings."""
        tokenizer = self._vocabulary.tokenizer
        shape = student.shape.with_vocabulary(len(tokenizer), tokenizer.pad_token_id)
        whole = new_student(shape)
        if starts_from_teacher_embeddings(self._config):
            rows = self._whole_table(shape.embedding_size)[0]  # made again: it is large, and only measured
        else:
            rows = whole.word_embeddings.numpy()
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
            file = self._reduced_file(shape.embedding_size)
            self.energy = read_json(file.with_suffix(".json"))["energy"]
            return np.load(file)
        if self._checkpoint and self._trimmed:
            return checkpoint_word_embeddings(self._checkpoint)[self._trimmed.kept]
        return None

    def _reduced_file(self, size: int) -> pathlib.Path:
        """The teacher's embeddings of the student's pieces in `size` dimensions, made unless they are there."""
        tokenizer = self._vocabulary.tokenizer
        init, scale = self._init, self._scale
        store = [Manifest.load(self._store).fingerprint] if init == "teacher_states" else []
        origin = self._fine_tuned.fingerprint if self._fine_tuned else checkpoint_fingerprint(self._first_checkpoint)
        kept = [self._trimmed.kept.tolist()] if self._trimmed else []
        name = fingerprint([origin, size, len(tokenizer), self._vocabulary.identity, init, *store,
                            *([scale] if scale != "none" else []), *kept])[:8]
        file = self._folder / f"embedding-{name}.npy"
        energy_file = file.with_suffix(".json")
        if not energy_file.exists():
            table, energy = self._whole_table(size)
            with atomic_file(file) as part:
                np.save(part, table[self._trimmed.kept] if self._trimmed else table)
            write_json(energy_file, {"energy": energy})
        return file

    def _whole_table(self, size: int) -> tuple[np.ndarray, float]:
        """float32 [student's pieces before trimming, size], and the share of the energy that it keeps."""
        init, scale, weights = self._init, self._scale, None
        pretrained = init == "pretrained_svd" or not self._fine_tuned
        table = self._pretrained() if pretrained else self._teacher().word_embeddings()
        if init == "teacher_states":
            reduced, weights = self._from_states(table, size)
            table = reduced.table
        else:
            reduced = reduce_embeddings(table, size, "pca" if init == "pca" else "svd")
            table = self._of_student(reduced.table)
        return (standardised(table, scale, weights) if scale != "none" else table), reduced.energy

    def _of_student(self, table: np.ndarray) -> np.ndarray:
        """A row for each piece of the student's vocabulary, before trimming."""
        tokenizer, teachers = self._vocabulary.tokenizer, self._vocabulary.teachers
        table = _fit_rows(table, len(teachers or tokenizer))
        return table if teachers is None else carried_over(table, teachers, tokenizer)

    def _from_states(self, table: np.ndarray, size: int) -> tuple[ReducedEmbeddings, np.ndarray | None]:
        """The reduced table, and what each piece counts for in it."""
        states = piece_states(self._store)
        if states is None:
            log.warning("transfer store %s: has neither mean states of the subwords nor hidden states; word embeddings "
                        "start from the SVD of the teacher's embeddings", self._store)
            reduced = reduce_embeddings(table, size)
            return ReducedEmbeddings(self._of_student(reduced.table), reduced.energy), None
        full = state_embeddings(self._of_student(table), states)
        weights = state_weights(states, len(full))
        return reduce_embeddings(centred(full, weights), size, weights=weights), weights

    def _pretrained(self) -> np.ndarray:
        """The word embeddings that the first teacher had before its fine-tuning."""
        checkpoint = self._first_checkpoint
        if self._fine_tuned:
            # A teacher that was given need not come from this checkpoint: rows of other pieces would be nonsense.
            common_tokenizer([str(self._fine_tuned.path), checkpoint])
        return checkpoint_word_embeddings(checkpoint)

    @property
    def _first_checkpoint(self) -> str:
        return resolve_checkpoint(listed(self._config.pt_teacher_checkpoint)[0])


def _fit_rows(table: np.ndarray, rows: int) -> np.ndarray:
    """Some checkpoints have more embedding rows than pieces, or fewer where tokens were added."""
    if len(table) >= rows:
        return table[:rows]
    return np.concatenate([table, np.repeat(table.mean(0, keepdims=True), rows - len(table), 0)])
