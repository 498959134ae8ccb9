"""Asking again where a fault may pass."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from xtremedistil_tf.errors import ModelLoadError

_FIRST_SECONDS, _LONGEST_SECONDS = 0.2, 5.0
#: A server that batches answers so (FAILED_PRECONDITION, 400) where it joined token ids of two requests that
#: are padded to different lengths. Asked again, they seldom meet again.
_COLLISION = "from different tasks have different shapes"

T = TypeVar("T")


class Transient(Exception):
    """A fault that may pass: connection refused, timeout, server overloaded. Its text is for the user."""


def is_collision(message: str) -> bool:
    """Whether a server refused a request only because of another one that it was batched with."""
    return _COLLISION in message


def longest_pause(tries: int) -> float:
    """Seconds: the upper limit of the pause after so many tries, doubling."""
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (tries - 1))


def call_with_retries(call: Callable[[], T], retries: int, server: str) -> T:
    """Calls until there is an answer.

    Args:
        call: raises Transient where another try makes sense; whatever else it raises is final.
        retries: how often it is called again.
        server: the server and its model, for messages.

    Raises:
        ModelLoadError: no answer after all tries.
    """
    for tries in range(1, retries + 2):
        try:
            return call()
        except Transient as fault:
            last = fault
        if tries <= retries:
            # Random, lest many clients come back all at once.
            time.sleep(random.uniform(0, longest_pause(tries)))
    tried = "1 try" if retries == 0 else f"{retries + 1} tries"
    raise ModelLoadError(f"{server}: no answer after {tried} ({last}). Check the address, and that the "
                         "server is running and not overloaded; else allow a longer timeout or more "
                         "retries.") from last
