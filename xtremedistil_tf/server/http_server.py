"""The server: one thread a connection, a bounded number of them, an orderly end."""

from __future__ import annotations

import contextlib
import errno
import http.server
import logging
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.server.api import Api
from xtremedistil_tf.server.config import ServeConfig
from xtremedistil_tf.server.connections import Connections
from xtremedistil_tf.server.handler import Handler
from xtremedistil_tf.server.page.html import Page

log = logging.getLogger(__name__)

_FULL = (b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
         b"Retry-After: 1\r\nContent-Length: 33\r\n\r\n" b'{"error": "too many connections"}')


class LocalServer(http.server.ThreadingHTTPServer):
    """Takes its port at once and answers from `start` on.

    Args:
        config: address and limits.

    Raises:
        ConfigError: the address is taken or none of this machine's.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, config: ServeConfig):
        self.config = config
        self.connections = Connections(config.max_connections)
        self._thread: threading.Thread | None = None
        try:
            found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM,
                                       flags=socket.AI_PASSIVE)
            self.address_family = found[0][0]
            address: Any = found[0][4][:2]
            super().__init__(address, Handler, bind_and_activate=False)
            self._or_closed(self.server_bind)
        except (OSError, UnicodeError) as error:
            raise _address_error(config, error) from error

    def _or_closed(self, act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # http.server would ask the network for the host's name here, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        name, self.server_port = self.server_address[:2]
        self.server_name = str(name)

    @property
    def url(self) -> str:
        """Address of the page, such as `http://127.0.0.1:8501/`."""
        host = f"[{self.server_name}]" if ":" in self.server_name else self.server_name
        return f"http://{host}:{self.server_port}/"

    def start(self, api: Api) -> None:
        """Answers requests in other threads until `stop`.

        Raises:
            ConfigError: another program took the port since.
        """
        self.api, self.page = api, Page.of(api.model, self.config)
        try:
            self._or_closed(self.server_activate)
        except OSError as error:
            raise _address_error(self.config, error) from error
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Frees the port and waits until the requests in work are answered, up to `shutdown_seconds`.

        Returns:
            How many connections are still at work.
        """
        if self._thread:
            self.shutdown()
            self._thread.join()
        self.server_close()
        return self.connections.end(self.config.shutdown_seconds)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self.connections.admit(request):
            self._refuse(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.connections.leave(request)
            raise

    def _refuse(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.setblocking(False)  # nobody else is served meanwhile
            connection.send(_FULL)
            # Closing with unread input would reset the connection, and the response might be lost.
            connection.recv(1 << 16)
        self.shutdown_request(connection)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.leave(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, (ConnectionError, TimeoutError)):  # these: the client has gone
            log.exception("a connection ended with an error")


def _address_error(config: ServeConfig, error: OSError | UnicodeError) -> ConfigError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return ConfigError(f"--port={config.port}: another program listens there. Stop it, or give another "
                           "port (0: any free one).")
    if isinstance(error, (socket.gaierror, UnicodeError)) or number == errno.EADDRNOTAVAIL:
        return ConfigError(f"--host={config.host}: no address of this machine. Expected such as 127.0.0.1 "
                           "(this machine alone) or 0.0.0.0 (any).")
    return ConfigError(f"--host={config.host} --port={config.port}: cannot listen there "
                       f"({os.strerror(number) if number else error}). Give another address or port.")
