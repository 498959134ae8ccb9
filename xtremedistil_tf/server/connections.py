"""The open connections of a server: how many there may be, and ending them without losing requests."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Connections:
    """Counts connections and knows which of them have a request in work.

    Args:
        most: most connections at a time.
    """

    def __init__(self, most: int):
        self._most = most
        self._busy: dict[socket.socket, bool] = {}
        self._changed = threading.Condition()
        self.ending = False

    def admit(self, connection: socket.socket) -> bool:
        """Whether there is room for another connection, which is then counted."""
        with self._changed:
            if len(self._busy) >= self._most:
                return False
            self._busy[connection] = False
            return True

    def leave(self, connection: socket.socket) -> None:
        with self._changed:
            self._busy.pop(connection, None)
            self._changed.notify_all()

    @contextlib.contextmanager
    def request(self, connection: socket.socket) -> Iterator[None]:
        """While a request of a connection is in work."""
        with self._changed:
            self._busy[connection] = True
        try:
            yield
        finally:
            with self._changed:
                self._busy[connection] = False

    def end(self, seconds: float) -> int:
        """Lets every connection end after its request in work.

        Returns:
            How many are still there after `seconds`.
        """
        with self._changed:
            self.ending = True
            for connection, busy in self._busy.items():
                if not busy:
                    # What has already arrived can still be read: such a request is answered.
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._busy, seconds)
            return len(self._busy)
