"""Progress of long work: items done, rate, time left."""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Iterator
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)

_LOG_SECONDS = 20
T = TypeVar("T")


class _Bar(tqdm):
    """The rate, and with it the time left, leaves the first items out: a graph is built while they are waited for."""

    initial: float
    _begun = False

    def update(self, n: float | None = 1) -> bool | None:
        done: bool | None = super().update(n)
        if not self._begun and self.n > self.initial:
            self._begun, self.initial, self.start_t = True, self.n, self._time()
        return done


class _LoggedBar(_Bar):
    """Where no terminal shows a bar: a line in the log every 20 seconds."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        if self.n and (not self.total or self.n < self.total):
            log.info("%s", msg or self)


def progress_bar(total: int | None, label: str, unit: str, initial: int = 0) -> tqdm:
    """A bar on a terminal or in a notebook, lines in a log file: a context manager with `update(n)`."""
    if in_notebook() and importlib.util.find_spec("ipywidgets"):
        from tqdm.notebook import tqdm as notebook_bar

        return notebook_bar(total=total, desc=label, unit=unit, initial=initial, leave=False)
    if in_notebook() or sys.stderr.isatty():
        return _Bar(total=total, desc=label, unit=unit, initial=initial, leave=False, dynamic_ncols=True)
    return _LoggedBar(total=total, desc=label, unit=unit, initial=initial, leave=False, ascii=True, ncols=100,
                      mininterval=_LOG_SECONDS, maxinterval=_LOG_SECONDS)


def counted_items(items: Iterator[T], total: int, label: str, unit: str = "example") -> Iterator[T]:
    """The items, while a bar says how many of them have come; without a label just the items."""
    if not label:
        yield from items
        return
    with progress_bar(total, label, unit) as bar:
        for item in items:
            yield item
            bar.update()


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def in_minutes(minutes: int) -> str:
    """A duration such as 12 min or 3 h 05 min."""
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
