"""Scores of regressions against the formulas."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from xtremedistil_tf.tasks.regression.task import regression_scores


def test_against_the_formulas():
    gold, predicted = np.random.default_rng(4).normal(size=(2, 50))
    predicted += gold
    scores = regression_scores(gold.tolist(), predicted.tolist())
    ranks = [np.argsort(np.argsort(x)) for x in (gold, predicted)]
    assert scores["pearson"] == pytest.approx(np.corrcoef(gold, predicted)[0, 1])
    assert scores["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert scores["mse"] == pytest.approx(np.mean((gold - predicted) ** 2)) and scores["support"] == 50


@pytest.mark.parametrize("gold, predicted", [([1, 2, 3], [0.7] * 3), ([2, 2], [1, 2]), ([1], [2])])
def test_undefined_correlations_are_zero(gold, predicted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = regression_scores(gold, predicted)
    assert scores["pearson"] == scores["spearman"] == 0.0
