"""Successive halving (Jamieson & Talwalkar, 2016) that keeps the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xtremedistil_tf.sweep.front import on_front


def kept_count(count: int, keep: float) -> int:
    """How many of so many students go on, the front aside: at least one."""
    return max(1, math.ceil(round(keep * count, 6)))


def share_of(rounds_after: int, keep: float) -> float:
    """Share of the epochs in a round that so many others follow; 1 in the last one."""
    return keep ** rounds_after


def planned(count: int, rounds: int, keep: float) -> list[float]:
    """The runs that are still to come, each as its share of the epochs, if no more than must go on do.

    Args:
        count: students at the beginning of these rounds.
        rounds: how many are left. A student that is alone goes straight to the last one.
        keep: share of the students that goes on.
    """
    runs: list[float] = []
    for after in range(rounds - 1, -1, -1):
        if count > 1 or after == 0:
            runs += [share_of(after, keep)] * count
        count = kept_count(count, keep)
    return runs


def survivors(scores: Mapping[str, float], costs: Mapping[str, Sequence[Sequence[float]]],
              keep: float) -> list[str]:
    """The students that go on: those on the front of score and cost, then the best of the others.

    Args:
        scores: student -> score, higher being better.
        costs: student -> the costs of each of its forms, less being better; one form on the front is enough.
        keep: share of the students that goes on at least.

    Returns:
        Names in the order of `scores`.
    """
    owners = [name for name in scores for _ in costs[name]]
    points = [(-scores[name], *form) for name in scores for form in costs[name]]
    front = {name for name, is_on in zip(owners, on_front(points)) if is_on}
    others = sorted((name for name in scores if name not in front), key=lambda name: -scores[name])
    front.update(others[:max(0, kept_count(len(scores), keep) - len(front))])
    return [name for name in scores if name in front]
