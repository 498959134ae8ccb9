"""The Pareto front: what nothing else beats in every respect at once."""

from __future__ import annotations

from collections.abc import Sequence


def on_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Of each point whether no other is at least as good everywhere and better somewhere.

    Args:
        points: figures of which less is better, equally many for each point.
    """
    return [not any(_beats(other, point) for other in points) for point in points]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other)) and any(a < b for a, b in zip(one, other))
