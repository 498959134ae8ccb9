"""Progress of long work: items done, rate, time left."""

from __future__ import annotations

import logging
import sys

from tqdm import tqdm

log = logging.getLogger(__name__)

_LOG_SECONDS = 20


class _LoggedBar(tqdm):
    """Where no terminal shows a bar: a line in the log every 20 seconds."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if 0 < self.n < self.total:
            log.info("%s", msg or self)


def progress_bar(total: int, label: str, unit: str, initial: int = 0) -> tqdm:
    """A bar on a terminal, lines in a log file: a context manager with `update(n)`."""
    if sys.stderr.isatty():
        return tqdm(total=total, desc=label, unit=unit, initial=initial, leave=False, dynamic_ncols=True)
    return _LoggedBar(total=total, desc=label, unit=unit, initial=initial, leave=False, ascii=True, ncols=100,
                      mininterval=_LOG_SECONDS, maxinterval=_LOG_SECONDS)


def in_minutes(minutes: int) -> str:
    """A duration such as 12 min or 3 h 05 min."""
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
