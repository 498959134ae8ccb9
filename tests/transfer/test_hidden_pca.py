"""Principal components of hidden states, against scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.decomposition import PCA

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer import hidden_states as hidden_pca
from xtremedistil_tf.transfer.hidden_states import PCA_FILE, HiddenPca, PcaFit


def states_of(seed=0, count=700, layers=2, width=12):
    """Correlated, with a channel 30 times as wide and one shifted by 3000."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(count, layers, width)) @ rng.normal(size=(width, width))
    states[..., 2] *= 30
    states[..., 5] += 3000
    return states.astype(np.float32)


def fitted(states, components, cuts=(0, 3, 4, 250, 700)):
    fit = PcaFit(*states.shape[1:])
    for begin, end in itertools.pairwise(cuts):
        fit.add(states[begin:end])
    return fit.result(components)


@pytest.mark.parametrize("block", [1, 100, 4096])
def test_components_mean_and_energy_are_scikit_learns(monkeypatch, block):
    monkeypatch.setattr(hidden_pca, "_PIECES_OF_A_FIT", block)
    states = states_of()
    pca = fitted(states, 5)
    kept = pca.project(states)
    assert kept.shape == (700, 2, 5)
    for layer in range(2):
        reference = PCA(5, svd_solver="full").fit(states[:, layer].astype(np.float64))
        signs = np.sign((pca.components[layer] * reference.components_).sum(-1, keepdims=True))
        np.testing.assert_allclose(pca.components[layer], signs * reference.components_, atol=2e-4)
        np.testing.assert_allclose(pca.mean[layer], reference.mean_, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(pca.energy[layer], reference.explained_variance_ratio_.sum(), atol=1e-5)
        expected = reference.inverse_transform(reference.transform(states[:, layer]))
        np.testing.assert_allclose(pca.restore(kept)[:, layer], expected, atol=5e-3 * states.std())


@pytest.mark.parametrize("products", [1, 100, 1 << 18])
def test_states_are_restored_part_by_part_as_in_one(monkeypatch, products):
    monkeypatch.setattr(hidden_pca, "_LARGEST_PRODUCT", products)
    pca, kept = fitted(states_of(), 5), np.random.default_rng(0).normal(size=(9, 2, 5)).astype(np.float32)
    expected = np.einsum("plk,lkw->plw", kept, pca.components) + pca.mean
    np.testing.assert_allclose(pca.restore(kept), expected, rtol=1e-5, atol=1e-4)
    assert pca.restore(kept[:0]).shape == (0, 2, 12)


def test_energy_is_the_share_of_variance_that_comes_back():
    states = states_of()
    pca = fitted(states, 4)
    lost = ((states - pca.restore(pca.project(states))) ** 2).sum((0, 2))
    lost = lost / ((states - states.mean(0)) ** 2).sum((0, 2))
    np.testing.assert_allclose(pca.energy, 1 - lost, atol=1e-4)


def test_fewer_pieces_than_components_still_give_the_pieces_back():
    states = states_of(count=3)
    pca = fitted(states, 8, (0, 3))
    np.testing.assert_allclose(pca.restore(pca.project(states)), states, atol=2e-3 * np.abs(states).max())


def test_it_is_kept_and_checked(tmp_path):
    pca = fitted(states_of(), 4)
    pca.save(tmp_path)
    again = HiddenPca.load(tmp_path, 2, 4, 12)
    np.testing.assert_array_equal(again.components, pca.components)
    assert again.checksum == pca.checksum != fitted(states_of(1), 4).checksum
    with pytest.raises(TransferStoreError, match=r"mean has shape \[2, 12\], expected .* of shape \[2, 13\]"):
        HiddenPca.load(tmp_path, 2, 4, 13)
    content = bytearray((tmp_path / PCA_FILE).read_bytes())
    for damage in (content[:100], content[: len(content) // 2], b""):
        (tmp_path / PCA_FILE).write_bytes(damage)
        with pytest.raises(TransferStoreError, match="missing or damaged"):
            HiddenPca.load(tmp_path, 2, 4, 12)
    (tmp_path / PCA_FILE).unlink()
    with pytest.raises(TransferStoreError, match="missing or damaged"):
        HiddenPca.load(tmp_path, 2, 4, 12)


@pytest.mark.parametrize("states", [np.zeros((0, 2, 12)), np.full((5, 2, 12), np.nan), np.full((5, 2, 12), np.inf)])
def test_states_without_components_are_refused(states):
    fit = PcaFit(2, 12)
    fit.add(states)
    with pytest.raises(TransferStoreError, match="not finite"):
        fit.result(3)
