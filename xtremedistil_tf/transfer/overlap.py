"""Work of two kinds at once: the next item is made, and the last one written, while this one is computed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


def made_ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items of an iterator in order; while the caller uses one, a thread makes the next, and only that.

    What the iterator raises is raised where the item would have been.
    """
    with ThreadPoolExecutor(1, "made-ahead") as pool:
        following: Future[Any] = pool.submit(next, items, _END)
        while (item := following.result()) is not _END:
            following = pool.submit(next, items, _END)
            yield item


class InBackground:
    """Runs jobs one after the other in a thread; at most one is under way.

    As a context manager, it waits for the last one. What a job raises is raised by the next `start` or at the
    end.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "in-background")
        self._running: Future[Any] | None = None

    def start(self, job: Callable[[], Any]) -> None:
        """Starts a job when the one before it is done."""
        self._finish()
        self._running = self._pool.submit(job)

    def _finish(self) -> None:
        if self._running:
            running, self._running = self._running, None
            running.result()

    def __enter__(self) -> InBackground:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._pool:
            if kind is None:
                self._finish()
