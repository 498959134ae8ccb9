"""The server: uvicorn in a thread of its own, a bounded number of connections, an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import json
import os
import socket
import ssl
import threading
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

import xtremedistil_tf
from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.app import Server
from xtremedistil_tf.inference.server.guards import Guard, read_keys
from xtremedistil_tf.inference.server.metrics import Metrics

_REFUSAL = "HTTP/1.1 {}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}"
_LINGER_SECONDS = 0.2
_BACKLOG, _DRAIN_SECONDS = 512, 0.1
# A request that arrives in parts has so long before its place may be given to another connection.
_GRACE_SECONDS = 1.0
# Tenths of a second that uvicorn has to close what is not at work; a client that does not read would keep it for ever.
_STEPS = 20
_HEADERS = [("Server", f"xtreme-distil-serve/{xtremedistil_tf.__version__}"), ("X-Content-Type-Options", "nosniff")]


class Connection(H11Protocol):
    """A connection of uvicorn with time limits, which gives its place up to another one while it only waits.

    uvicorn's own bound (`limit_concurrency`) refuses the requests of all connections while there is one too many, and
    it waits for ever for the head of a request, and for a client that does not read.

    Args:
        most: most connections at a time.
    """

    def __init__(self, *args: Any, most: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._most = most
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._since = self.loop.time()

    @property
    def at_work(self) -> bool:
        """Whether a request has begun whose response has not ended."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_idle(self) -> bool:
        """Whether nothing of a request has arrived."""
        nothing = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        return not self.at_work and nothing

    @property
    def _waits(self) -> bool:
        """Whether it waits for its client, and has for a while if a part of a request is there."""
        if self._is_idle:
            return True
        waits = not self.at_work or self.cycle.more_body or self.flow.write_paused
        return waits and self.loop.time() - self._since > _GRACE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:
        full = len(self.connections) >= self._most and not self._make_room()
        super().connection_made(transport)
        if full:
            self._refuse("503 Service Unavailable\r\nRetry-After: 1", "too many connections")
        else:
            self._close_after(self.timeout_keep_alive)

    def _make_room(self) -> bool:
        """Closes the connection that waits longest for its client, idle ones first."""
        waiting = [connection for connection in self.connections if connection._waits]
        if not waiting:
            return False
        longest = min(waiting, key=lambda connection: (not connection._is_idle, connection._since))
        self.connections.discard(longest)
        longest.transport.abort()
        return True

    def send_400_response(self, msg: str) -> None:
        if self.at_work and self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse("400 Bad Request", "the request is not HTTP that can be read, or its head is too long")

    def _refuse(self, status: str, message: str) -> None:
        body = json.dumps({"error": message})
        self._refused = True
        self.connections.discard(self)
        self.transport.write(_REFUSAL.format(status, len(body), body).encode())
        # Closing with unread input would reset the connection, and the response might be lost.
        self._close_after(_LINGER_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._is_idle:
            self._since = self.loop.time()
            self._wait_no_more()
        super().data_received(data)
        self._limit_the_rest()

    def _limit_the_rest(self) -> None:
        if self._refused:
            return
        if self.at_work and not self.flow.write_paused:
            self._wait_no_more()
        elif self._timer is None:
            # The whole head of a request, the whole rest of a refused body, or a client that does not read.
            self._close_after(self.timeout_keep_alive)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._since = self.loop.time()
        self._close_after(self.timeout_keep_alive)

    def resume_writing(self) -> None:
        self._wait_no_more()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # closing would wait for a client that has not read its response

    def _close_after(self, seconds: float) -> None:
        self._wait_no_more()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LocalServer:
    """Takes its port at once and answers from `start` on.

    Args:
        config: address and limits.

    Raises:
        ConfigError: the address is taken or none of this machine's.
    """

    def __init__(self, config: ServeConfig):
        self._config = config
        self._guard = Guard(config, read_keys(config.api_key_file) if config.api_key_file else ())
        self._tls = _tls(config)
        self._app: Server | None = None
        self._uvicorn: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        try:
            self._socket = _bound(config.host, config.port)
        except (OSError, UnicodeError) as error:
            raise _address_error(config, error) from error
        self.host, self.port = self._socket.getsockname()[:2]

    @property
    def url(self) -> str:
        """Address of the page, such as `http://127.0.0.1:8501/`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/"

    @property
    def metrics(self) -> Metrics:
        """What it counts, once it has started."""
        return self._app.metrics

    @property
    def ending(self) -> bool:
        """Whether it takes no further requests."""
        return self._uvicorn is not None and self._uvicorn.should_exit

    def start(self, api: Api) -> None:
        """Answers requests in other threads until `stop`.

        Raises:
            ConfigError: another program took the port since.
        """
        config = self._config
        self._app = Server(api, config, self._guard, lambda: self.ending)
        self._uvicorn = uvicorn.Server(uvicorn.Config(
            self._app, lifespan="off", ws="none", proxy_headers=False, **self._tls,
            http=functools.partial(Connection, most=config.max_connections),
            timeout_keep_alive=config.timeout_seconds,
            log_config=None, log_level="critical", access_log=False, server_header=False, headers=_HEADERS))
        try:
            self._socket.listen(_BACKLOG)
        except OSError as error:
            self._socket.close()
            raise _address_error(config, error) from error
        # uvicorn leaves signals alone in any but the main thread.
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Frees the port and waits until the requests in work are answered, up to `shutdown_seconds`.

        Returns:
            How many connections are still at work.
        """
        if self._uvicorn is None or self._thread is None:
            self._socket.close()
            return 0
        # Closing the socket would reset connections that wait to be accepted: they are taken first, without new ones.
        with contextlib.suppress(OSError):  # it is closed already
            self._socket.listen(0)
            self._thread.join(_DRAIN_SECONDS)
        self._uvicorn.should_exit = True
        self._thread.join(self._config.shutdown_seconds)
        self._app.end()
        for _ in range(_STEPS):
            left = list(self._uvicorn.server_state.connections)
            if not self._thread.is_alive():
                return 0
            if any(connection.at_work for connection in left):
                break
            self._thread.join(0.1)
        return sum(connection.at_work for connection in left) or len(left)


def _tls(config: ServeConfig) -> dict[str, str]:
    """uvicorn's settings for HTTPS; empty: there is none.

    Raises:
        ConfigError: the files do not go together.
    """
    if not config.tls_cert_file:
        return {}
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(config.tls_cert_file, config.tls_key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"`tls_cert_file={config.tls_cert_file}` `tls_key_file={config.tls_key_file}`: cannot be "
                          f"used ({error}). Expected a certificate and its key, both PEM.") from error
    return {"ssl_certfile": config.tls_cert_file, "ssl_keyfile": config.tls_key_file}


def _bound(host: str, port: int) -> socket.socket:
    """A socket with the address, which does not listen yet."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # With its protocol named, as asyncio switches Nagle's algorithm off only then: head and body of a response are two
    # packets, and the second would wait for the client to acknowledge the first.
    bound = socket.socket(*found[0][:3])
    try:
        if os.name == "posix":  # elsewhere this would share a port that is in use
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(found[0][4])
    except BaseException:
        bound.close()
        raise
    return bound


def _address_error(config: ServeConfig, error: OSError | UnicodeError) -> ConfigError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return ConfigError(f"`port={config.port}`: another program listens there. Stop it, or give another "
                           "port (0: any free one).")
    if isinstance(error, (socket.gaierror, UnicodeError)) or number == errno.EADDRNOTAVAIL:
        return ConfigError(f"`host={config.host}`: no address of this machine. Expected such as 127.0.0.1 "
                           "(this machine alone) or 0.0.0.0 (any).")
    return ConfigError(f"`host={config.host}` `port={config.port}`: cannot listen there "
                       f"({os.strerror(number) if number else error}). Give another address or port.")
