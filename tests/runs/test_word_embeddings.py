"""The reduced embeddings against NumPy's SVD."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from xtremedistil_tf.runs.starting_weights import (
    REMOVED,
    checkpoint_word_embeddings,
    reduce_embeddings,
    standardised,
    state_embeddings,
    state_weights,
)
from xtremedistil_tf.transfer.piece_states import PieceStates


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


def post_processed(table):
    """Raunak et al. 2019, algorithm 1, by NumPy's SVD."""
    table = table - table.mean(0)
    right = np.linalg.svd(table, full_matrices=False)[2][:min(REMOVED, table.shape[1] // 4)]
    return table - sum(np.outer(table @ u, u) for u in right)


def test_pca_stands_between_two_post_processings(table):
    first = post_processed(table.astype(np.float64))
    centred = first - first.mean(0)
    expected = post_processed(centred @ np.linalg.svd(centred, full_matrices=False)[2][:8].T)
    reduced = reduce_embeddings(table, 8, "pca")
    # Coordinates are arbitrary up to signs; products of words are not.
    np.testing.assert_allclose(reduced.table @ reduced.table.T, expected @ expected.T, atol=1e-2)
    np.testing.assert_allclose(reduced.table.mean(0), 0, atol=1e-4)
    assert np.linalg.matrix_rank(reduced.table, tol=1e-2) == 6
    assert 0 < reduced.energy < reduce_embeddings(table, 8).energy


def test_the_table_of_a_checkpoint(tiny_teacher_dir):
    weights = load_file(tiny_teacher_dir / "model.safetensors")
    key = next(key for key in weights if "word_embeddings" in key)
    np.testing.assert_array_equal(checkpoint_word_embeddings(str(tiny_teacher_dir)), weights[key])


def test_the_table_of_a_checkpoint_that_only_torch_has(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from transformers import ModernBertConfig, ModernBertModel

    model = ModernBertModel(ModernBertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                             intermediate_size=16, pad_token_id=0)).to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    table = checkpoint_word_embeddings(str(tmp_path))
    assert table.dtype == np.float32
    np.testing.assert_array_equal(table, model.embeddings.tok_embeddings.weight.detach().float().numpy())


def test_state_embeddings_shrink_towards_a_linear_map():
    """Against a ridge regression of scikit-learn, weighted by counts."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    table = rng.normal(size=(400, 12))
    ids = np.sort(rng.choice(400, 250, replace=False)).astype(np.int32)
    counts = rng.integers(1, 30, 250)
    states = (table[ids] @ rng.normal(size=(12, 20)) + 3 + rng.normal(size=(250, 20))).astype(np.float32)
    found = state_embeddings(table, PieceStates(ids, counts, states))

    centre = table[ids] - np.average(table[ids], axis=0, weights=counts)
    ridge = Ridge(alpha=5 * (counts[:, None] * centre**2).sum() / (12 * counts.sum()))
    predicted = ridge.fit(table[ids], states, sample_weight=counts).predict(table)
    np.testing.assert_allclose(np.delete(found, ids, 0), np.delete(predicted, ids, 0), rtol=1e-3, atol=1e-3)
    shrunk = (counts[:, None] * states + 5 * predicted[ids]) / (counts + 5)[:, None]
    np.testing.assert_allclose(found[ids], shrunk, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("scale, power", [("unit", 0.0), ("half", 0.5), ("one", 1.0)])
def test_standardised_tables_have_zero_mean_and_unit_deviation(scale, power):
    strengths = np.array([4.0, 1.0, 0.25])
    table = (np.random.default_rng(0).normal(size=(5000, 3)) * strengths + 7).astype(np.float32)
    table = np.concatenate([table, np.zeros((5000, 1), np.float32)], 1)  # a dimension beyond the teacher's width
    found = standardised(table, scale)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-4)
    np.testing.assert_array_equal(found[:, 3], 0)
    assert found[:, :3].std() == pytest.approx(1, rel=1e-3)
    ratios = found[:, :3].std(0) / found[:, 1].std()
    np.testing.assert_allclose(ratios, (table[:, :3].std(0) / table[:, 1].std()) ** power, rtol=1e-3)


def test_a_weight_counts_as_that_many_rows(table):
    table = table - 1
    counts = np.random.default_rng(1).integers(0, 4, len(table))
    repeated = np.repeat(table, counts, 0)
    _, _, right = np.linalg.svd(repeated, full_matrices=False)
    expected = table @ right[:6].T
    found = reduce_embeddings(table, 6, weights=counts).table
    np.testing.assert_allclose(found * np.sign((expected * found).sum(0)), expected, atol=1e-3)
    seen = np.repeat(standardised(found, "unit", counts), counts, 0)
    np.testing.assert_allclose(seen.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(seen.std(0), 1, atol=1e-4)


def test_pieces_count_by_the_square_root_of_their_occurrences():
    states = PieceStates(np.array([1, 4], np.int32), np.array([9, 1]), np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(state_weights(states, 6), [0, 3, 0, 0, 1, 0])
