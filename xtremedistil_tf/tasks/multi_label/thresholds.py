"""From which probability on a label is given: chosen for each label on the dev set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DEFAULT = 0.5
#: Dev examples with a label below which its threshold stays at 0.5: fewer would be learned by heart.
LEAST_POSITIVES = 5
# Logits beyond which probabilities say nothing more; also how far a cut is from the lowest logit.
_MOST, _BELOW = 15.0, 1.0


def cutoffs(thresholds: Sequence[float], count: int) -> np.ndarray:
    """float32 [labels], the logits of thresholds: with these the comparison is the same in every runtime, whatever its
    sigmoid rounds to.

    Args:
        thresholds: a probability for each label, or none: 0.5 for all.
        count: number of labels.
    """
    shares = np.asarray(thresholds if len(thresholds) else [DEFAULT] * count, np.float64)
    return np.log(shares / (1 - shares)).astype(np.float32)


def best_thresholds(gold: np.ndarray, logits: np.ndarray) -> tuple[float, ...]:
    """For each label the probability with the best F1 on these examples; of equal ones the closest to 0.5.

    Cuts lie in the middle between two neighbouring logits. A label with fewer than `LEAST_POSITIVES` examples keeps
    0.5.

    Args:
        gold: int [examples, labels], 1 where an example has the label.
        logits: float32 [examples, labels].
    """
    found = []
    for right, values in zip(gold.T, np.asarray(logits, np.float64).T):
        cut = _best_cut(right, values) if right.sum() >= LEAST_POSITIVES else 0.0
        found.append(float(1 / (1 + np.exp(-np.clip(cut, -_MOST, _MOST)))))
    return tuple(found)


def _best_cut(right: np.ndarray, values: np.ndarray) -> float:
    order = np.argsort(-values, kind="stable")
    right, values = right[order], values[order]
    hits = np.cumsum(right)
    # F1 if the first k values are above the cut. There is no cut between equal values.
    f1 = 2 * hits / (np.arange(1, len(values) + 1) + hits[-1])
    following = np.append(values[1:], values[-1] - _BELOW)
    f1[values == following] = -1
    # 0, the cut of 0.5, where it parts the values in the same way as the middle would.
    cuts = np.where((values >= 0) & (following < 0), 0.0, (values + following) / 2)
    best = np.flatnonzero(f1 == f1.max())
    return float(cuts[best[np.argmin(np.abs(cuts[best]))]])
