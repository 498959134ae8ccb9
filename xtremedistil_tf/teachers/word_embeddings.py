"""The teacher's word embeddings, reduced to the student's width by truncated SVD."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ReducedEmbeddings:
    """Attributes:
        table: float32 [vocab, size].
        energy: share of the squared Frobenius norm that the table keeps, in (0, 1].
    """

    table: np.ndarray
    energy: float


def reduce_embeddings(table: np.ndarray, size: int) -> ReducedEmbeddings:
    """Uncentred truncated SVD of a word-embedding table (XtremeDistil, section on word embeddings).

    The rows of the result are U_k S_k, the coordinates of the words in the space of the k strongest
    right singular vectors. They come from the eigenvectors of the [width, width] Gram matrix, which is
    exact and takes seconds where an SVD of the [vocab, width] table takes minutes. A `size` above the
    table's width pads with zeros.

    Args:
        table: float [vocab, width].
        size: k, the student's embedding size.
    """
    gram = _gram(table)
    values, vectors = np.linalg.eigh(gram)
    order = np.argsort(values)[::-1]
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    # The sign of an eigenvector is arbitrary: fix it, so that every LAPACK gives the same student.
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    kept = min(size, table.shape[1])
    reduced = np.zeros((table.shape[0], size), np.float32)
    reduced[:, :kept] = table.astype(np.float32) @ vectors[:, :kept].astype(np.float32)
    return ReducedEmbeddings(reduced, float(values[:kept].sum() / values.sum()))


def _gram(table: np.ndarray, rows: int = 16384) -> np.ndarray:
    gram = np.zeros((table.shape[1], table.shape[1]))
    for begin in range(0, len(table), rows):
        block = table[begin: begin + rows].astype(np.float64)
        gram += block.T @ block
    return gram
