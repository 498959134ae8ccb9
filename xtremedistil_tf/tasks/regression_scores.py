"""Scores of regressions."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import numpy as np


def regression_scores(gold: Sequence[float], predicted: Sequence[float]) -> dict[str, Any]:
    """Scores of predicted numbers.

    Args:
        gold, predicted: one number per example.

    Returns:
        `pearson` and `spearman` (by SciPy, in [-1, 1]; 0.0 where either side is constant or has one
        example only, as no correlation is defined there), `mse` (mean squared error), `support`
        (number of examples).
    """
    from scipy import stats

    gold, predicted = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    return {"pearson": _correlation(stats.pearsonr, gold, predicted),
            "spearman": _correlation(stats.spearmanr, gold, predicted),
            "mse": float(np.mean(np.square(gold - predicted))), "support": len(gold)}


def _correlation(function: Callable, gold: np.ndarray, predicted: np.ndarray) -> float:
    if np.ptp(gold) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(function(gold, predicted).statistic)
