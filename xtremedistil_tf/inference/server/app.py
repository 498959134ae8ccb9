"""The application: addresses, what is refused before the model is asked, and answers as HTTP."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.api import PREFIX, Api
from xtremedistil_tf.inference.server.model import RequestError
from xtremedistil_tf.inference.server.page import Page

log = logging.getLogger(__name__)

_CLOSE = {"Connection": "close"}
_MOST_QUOTED = 100


def application(api: Api, config: ServeConfig, ending: Callable[[], bool] = lambda: False) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        api: what answers.
        config: name, version and limits.
        ending: whether the server takes no further requests of a connection.
    """
    page = Page.of(api.model, config)
    own = f"{PREFIX}{config.serving_name}"
    predict = _Predict(api, config)
    routes = []
    for path in (own, f"{own}/versions/{config.serving_version}"):
        routes += [Route(f"{path}:predict", predict.answer, methods=["POST"]),
                   _read(path, lambda: _json(200, api.status())),
                   _read(f"{path}/metadata", lambda: _json(200, api.metadata()))]
    routes += [_read("/", lambda: Response(page.html, media_type="text/html", headers=page.headers)),
               _read("/healthz", lambda: _json(200, {"status": "ok"}))]
    found = Starlette(routes=routes, exception_handlers={
        HTTPException: functools.partial(_no_route, own), RequestError: _refused, Exception: _failed})
    found.router.redirect_slashes = False
    return _Outermost(found, ending)


def _read(path: str, response: Callable[[], Response]) -> Route:
    async def answer(request: Request) -> Response:
        return response()

    return Route(path, answer)


class _Predict:
    """The model is asked in threads, so that the event loop goes on meanwhile; there is a bounded number of them."""

    def __init__(self, api: Api, config: ServeConfig):
        self._api, self._config = api, config
        self._places = threading.BoundedSemaphore(config.max_queue)
        # As many as places: a request that has a place never waits for a thread.
        self._threads = ThreadPoolExecutor(config.max_queue, "predict")

    async def answer(self, request: Request) -> Response:
        body = await self._body(request)
        if not self._places.acquire(blocking=False):
            raise RequestError(503, "too many requests are waiting; try again later", {"Retry-After": "1"})
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._predict, body)
        finally:
            self._places.release()

    def _predict(self, body: bytes) -> Response:
        return _json(200, self._api.predict(body))

    async def _body(self, request: Request) -> bytes:
        self._check(request)
        parts: list[bytes] = []
        while True:
            try:
                with anyio.fail_after(self._config.timeout_seconds):
                    message = await request.receive()
            except TimeoutError:
                raise RequestError(408, "the request's body did not arrive in time", _CLOSE) from None
            if message["type"] == "http.disconnect":
                raise RequestError(400, "the client has gone")
            parts.append(message["body"])
            if not message["more_body"]:
                return b"".join(parts)

    def _check(self, request: Request) -> None:
        """Raises RequestError where the body of a request is not read.

        The connection stays, and uvicorn throws away what is still arriving: closing at once would lose a client the
        answer. A client that waits for permission to send may send its next request instead, so there it closes.
        """
        headers, most = request.headers, self._config.max_request_bytes
        further = _CLOSE if "Expect" in headers else {}
        if "Transfer-Encoding" in headers:
            raise RequestError(411, "expected a Content-Length; bodies in chunks are not taken", further)
        if "Content-Length" not in headers:
            raise RequestError(411, "expected a Content-Length", further)
        if int(headers["Content-Length"]) > most:
            raise RequestError(413, f"the body is larger than {most} bytes; send several requests (the server's "
                                    "`max_request_bytes` raises this limit)", further)
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RequestError(415, "expected a body without Content-Encoding", further)


class _Outermost:
    """Logs each request, without the query, which may hold a text; ends connections when the server ends."""

    def __init__(self, app: ASGIApp, ending: Callable[[], bool]):
        self._app, self._ending = app, ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A proxy may ask for `http://host/path`.
        scope["path"] = re.sub("^https?://[^/]*|#.*", "", scope["path"])
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._ending():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:  # the client has its answer by now
            log.info("%s %s HTTP/%s: %d", scope["method"], scope["raw_path"].decode("ascii", "replace")[:200],
                     scope["http_version"], status)


def _no_route(own: str, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path[:_MOST_QUOTED]
    if error.status_code != 405:
        return _json(404, {"error": f"no such path: {path!r}. {own} and {own}/metadata take GET, {own}:predict takes "
                                    "POST"})
    allowed = error.headers["Allow"]
    wanted = "POST" if "POST" in allowed else "GET"
    return _json(405, {"error": f"{path} takes {wanted}, not {request.method}"}, {"Allow": allowed})


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _json(error.status, {"error": error.message}, error.headers)


def _failed(request: Request, error: Exception) -> Response:
    """A client is told nothing of the inside. Starlette raises the error again, and uvicorn closes the connection."""
    log.error("%s failed", request.url.path, exc_info=error)
    return _json(500, {"error": "the server failed at this request; its log says more"}, _CLOSE)


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    # Not JSONResponse, which refuses what a model may answer: NaN, and half of a surrogate pair.
    text = json.dumps(value, ensure_ascii=False) + "\n"
    return Response(text.encode("utf-8", "replace"), status, headers, "application/json")
