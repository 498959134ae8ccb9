"""A teacher's word embeddings, reduced to the student's width."""

from __future__ import annotations

import dataclasses

import numpy as np

from xtremedistil_tf.teachers.from_pretrained import model_from_pretrained
from xtremedistil_tf.teachers.loading import find_word_embeddings
from xtremedistil_tf.teachers.messages import explained, quiet_transformers
from xtremedistil_tf.teachers.torch_loading import require_torch

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


def reduce_embeddings(table: np.ndarray, size: int, method: str = "svd") -> ReducedEmbeddings:
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
    """
    kept = min(size, table.shape[1])
    if method == "pca":
        # Post-processed words have no mean left: their strongest directions are those of PCA.
        found = _post_processed(_coordinates(_post_processed(table), kept))
    else:
        found = _coordinates(table, kept)
    reduced = np.zeros((table.shape[0], size), np.float32)
    reduced[:, :kept] = found
    return ReducedEmbeddings(reduced, _squared_norm(found) / _squared_norm(table))


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


def _coordinates(table: np.ndarray, size: int) -> np.ndarray:
    """float32 [rows, size]: along the strongest directions."""
    return table.astype(np.float32) @ _directions(table)[:, :size].astype(np.float32)


def _post_processed(table: np.ndarray) -> np.ndarray:
    table = table - table.mean(0, dtype=np.float64).astype(np.float32)
    strongest = _directions(table)[:, :min(REMOVED, table.shape[1] // 4)].astype(np.float32)
    return table - table @ strongest @ strongest.T


def _directions(table: np.ndarray) -> np.ndarray:
    """float64 [width, width]: the right singular vectors as columns, the strongest first."""
    values, vectors = np.linalg.eigh(_gram(table))
    vectors = vectors[:, np.argsort(values)[::-1]]
    # The sign of an eigenvector is arbitrary: fix it, so that every LAPACK gives the same student.
    return vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])


def _gram(table: np.ndarray, rows: int = 16384) -> np.ndarray:
    gram = np.zeros((table.shape[1], table.shape[1]))
    for begin in range(0, len(table), rows):
        block = table[begin: begin + rows].astype(np.float64)
        gram += block.T @ block
    return gram


def _squared_norm(table: np.ndarray) -> float:
    # In float64 without a copy of the table in it, which may be gigabytes.
    return float(np.einsum("ij,ij->", table, table, dtype=np.float64))
