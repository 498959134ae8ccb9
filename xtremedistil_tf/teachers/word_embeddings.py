"""A teacher's word embeddings, reduced to the student's width."""

from __future__ import annotations

import dataclasses

import numpy as np

from xtremedistil_tf.teachers.from_pretrained import model_from_pretrained
from xtremedistil_tf.teachers.loading import find_word_embeddings
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.teachers.torch_loading import require_torch
from xtremedistil_tf.transfer.piece_states import PieceStates

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
        checkpoint: what `teachers.checkpoints.resolve_checkpoint` returned.

    Raises:
        MissingExtraError: TensorFlow does not have its architecture, and torch is not installed.
        ModelLoadError: it cannot be read.
    """
    from transformers import AutoConfig, AutoModel, TFAutoModel

    with quiet_transformers(), explained(checkpoint, "the word embeddings"):
        if type(AutoConfig.from_pretrained(checkpoint)) not in TFAutoModel._model_mapping:
            require_torch()
            table = AutoModel.from_pretrained(checkpoint).get_input_embeddings().weight
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
