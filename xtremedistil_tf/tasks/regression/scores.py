"""Scores of regressions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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

    right, found = np.asarray(gold, np.float64), np.asarray(predicted, np.float64)
    return {"pearson": _correlation(stats.pearsonr, right, found),
            "spearman": _correlation(stats.spearmanr, right, found),
            "mse": float(np.mean(np.square(right - found))), "support": len(right)}


def _correlation(function: Callable[..., Any], gold: np.ndarray, predicted: np.ndarray) -> float:
    if np.ptp(gold) == 0 or np.ptp(predicted) == 0:
        return 0.0
    return float(function(gold, predicted).statistic)
