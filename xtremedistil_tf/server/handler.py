"""One connection: reading requests of HTTP/1.1, answering them, refusing what cannot be answered."""

from __future__ import annotations

import contextlib
import http
import http.server
import json
import logging
import re
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import xtremedistil_tf
from xtremedistil_tf.server.errors import RequestError

if TYPE_CHECKING:
    from xtremedistil_tf.server.http_server import LocalServer

log = logging.getLogger(__name__)

_LINGER_SECONDS = 2.0
_READ_METHODS = ("GET", "HEAD")


class Response(NamedTuple):
    """What is sent."""

    status: int
    body: bytes
    type: str = "application/json"
    headers: Mapping[str, str] = {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"xtreme-distil-serve/{xtremedistil_tf.__version__}", ""
    server: LocalServer
    # Head and body leave in one packet: two would wait for each other (Nagle, delayed acknowledgement).
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.timeout = self.server.config.timeout_seconds  # type: ignore[misc]  # `setup` reads the instance's
        super().setup()

    def version_string(self) -> str:
        return self.server_version

    def _respond(self) -> None:
        with self.server.connections.request(self.connection):
            self._unread = False
            try:
                response = self._response()
            except RequestError as error:
                response = _failed(error.status, error.message, error.headers)
            except TimeoutError:
                self.close_connection = True
                response = _failed(408, "the request's body did not arrive in time")
            except ConnectionError:
                self.close_connection = True
                return
            except Exception:  # a client is told nothing of the inside
                log.exception("%s failed", self._line())
                response = _failed(500, "the server failed at this request; its log says more")
            self._send(response)
            if self._unread:
                self._linger()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond

    def _response(self) -> Response:
        body = self._body()
        path = re.sub("^https?://[^/]*|[?#].*", "", self.path)
        if path not in ("/", "/healthz"):
            return _json(200, self.server.api.answer(self.command, path, body))
        if self.command not in _READ_METHODS:
            raise RequestError(405, f"{path} takes GET, not {self.command}",
                               {"Allow": ", ".join(_READ_METHODS)})
        if path == "/healthz":
            return _json(200, {"status": "ok"})
        page = self.server.page
        return Response(200, page.html, "text/html; charset=utf-8", page.headers)

    def _body(self) -> bytes:
        if refusal := self._refusal():
            self.close_connection = self._unread = True
            raise refusal
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionResetError
        return body

    def _refusal(self) -> RequestError | None:
        """Why the body of this request is not read."""
        if self.headers.get("Transfer-Encoding"):
            return RequestError(411, "expected a Content-Length; bodies in chunks are not taken")
        lengths = set(self.headers.get_all("Content-Length", ()))
        if not lengths:
            return RequestError(411, "expected a Content-Length") if self.command == "POST" else None
        if len(lengths) > 1 or not re.fullmatch("[0-9]{1,18}", next(iter(lengths))):
            return RequestError(400, "Content-Length: expected one number of bytes")
        most = self.server.config.max_request_bytes
        if int(next(iter(lengths))) > most:
            return RequestError(413, f"the body is larger than {most} bytes; send several requests (the "
                                     "server's --max_request_bytes raises this limit)")
        if self.headers.get("Content-Encoding", "identity").lower() != "identity":
            return RequestError(415, "expected a body without Content-Encoding")
        return None

    def handle_expect_100(self) -> bool:
        if self._refusal() is None:
            super().handle_expect_100()
            self.wfile.flush()
        return True

    def _send(self, response: Response) -> None:
        if self.server.connections.ending:
            self.close_connection = True
        self.send_response(response.status)
        headers = {"Content-Type": response.type, "Content-Length": str(len(response.body)),
                   "X-Content-Type-Options": "nosniff", **response.headers}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _linger(self) -> None:
        """Takes in what a refused client is still sending: closing at once would lose it the response."""
        until = time.monotonic() + _LINGER_SECONDS
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER_SECONDS)
            while time.monotonic() < until and self.connection.recv(1 << 16):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: malformed request lines and headers."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else nonsense counts as HTTP/0.9, which has no status
        self._send(_failed(code, message or http.HTTPStatus(code).phrase))
        self._linger()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.info("%s: %d", self._line(), code)

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _line(self) -> str:
        # Without the query, which may hold a text; escaped, as a client must not write to the terminal.
        return self.requestline.partition("?")[0][:200].encode("unicode_escape").decode()


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(value, ensure_ascii=False) + "\n"
    return Response(status, text.encode("utf-8", "replace"), headers=headers or {})


def _failed(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return _json(status, {"error": message}, headers)
