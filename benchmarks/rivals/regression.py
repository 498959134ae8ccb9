"""Logistic regression on whatever vectors, its strength of regularization chosen on the dev set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def best_regression(train: Any, answers: Sequence[str], dev: Any,
                    dev_answers: Sequence[str]) -> tuple[Any, float]:
    """The model with the best accuracy on the dev set, the most regularized of equal ones, and its C.

    Args:
        train, dev: [examples, features], dense or sparse.
        answers, dev_answers: their classes.
    """
    from sklearn.linear_model import LogisticRegression

    best: tuple[float, Any, float] | None = None
    for strength in _STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000).fit(train, answers)
        accuracy = model.score(dev, dev_answers)
        if best is None or accuracy > best[0]:
            best = accuracy, model, strength
    return best[1], best[2]
