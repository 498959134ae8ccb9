"""How long the rest of a sweep takes, from the runs that are finished."""

from __future__ import annotations

from collections.abc import Sequence

from xtremedistil_tf.progress import in_minutes


class Pace:
    """Training takes as long as its share of the epochs, all else of a run a fixed time."""

    def __init__(self) -> None:
        self._training = self._shares = 0.0
        self._overheads: list[float] = []

    def add(self, share: float, seconds: float, training_seconds: float) -> None:
        """Takes a finished run into account.

        Args:
            share: of the epochs of a full run.
            seconds: of the whole run.
            training_seconds: that the student's phases took.
        """
        self._training += training_seconds
        self._shares += share
        self._overheads.append(max(0.0, seconds - training_seconds))

    def left(self, shares: Sequence[float]) -> float | None:
        """Seconds for runs of these shares; None as long as nothing is finished."""
        if not self._overheads:
            return None
        # The least: the first run also makes teacher and transfer store, which the others share.
        return sum(shares) * self._training / self._shares + len(shares) * min(self._overheads)


def shown(seconds: float | None) -> str:
    """`, about 14 min left`; nothing where it is not known."""
    if seconds is None:
        return ""
    return f", about {in_minutes(max(1, round(seconds / 60)))} left"
