"""Variables of the environment that a mark sets for a test, and that this process and the commands it starts follow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator


def put(variable: str, value: str | None, follow: Callable[[], None]) -> None:
    """Sets the variable, or takes it away, and follows it in this process."""
    os.environ.pop(variable, None)
    if value is not None:
        os.environ[variable] = value
    follow()


@contextlib.contextmanager
def held(variable: str, follow: Callable[[], None]) -> Iterator[None]:
    """The variable is set for a few lines."""
    before = os.environ.get(variable)
    put(variable, "1", follow)
    try:
        yield
    finally:
        put(variable, before, follow)
