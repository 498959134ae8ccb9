"""The reduced embeddings against NumPy's SVD."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.teachers.word_embeddings import reduce_embeddings


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(500, 20)) * np.geomspace(5, 0.1, 20) + 1).astype(np.float32)


def test_equals_the_truncated_svd(table):
    u, s, _ = np.linalg.svd(table, full_matrices=False)
    reduced = reduce_embeddings(table, 6)
    expected = u[:, :6] * s[:6]
    signs = np.sign((expected * reduced.table).sum(0))
    np.testing.assert_allclose(reduced.table * signs, expected, atol=1e-3)
    assert reduced.energy == pytest.approx((s[:6] ** 2).sum() / (s ** 2).sum(), rel=1e-6)
    assert reduced.table.dtype == np.float32


def test_a_size_above_the_width_keeps_everything(table):
    reduced = reduce_embeddings(table, 32)
    assert reduced.table.shape == (500, 32) and reduced.energy == pytest.approx(1)
    np.testing.assert_allclose(reduced.table @ reduced.table.T, table @ table.T, rtol=1e-3, atol=1e-2)
