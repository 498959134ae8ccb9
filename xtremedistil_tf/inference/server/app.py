"""The application: addresses, what is refused before the model is asked, and answers as HTTP."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server import v2
from xtremedistil_tf.inference.server.api import PREFIX, Api, Question
from xtremedistil_tf.inference.server.guards import Guard
from xtremedistil_tf.inference.server.jobs import Job, Row
from xtremedistil_tf.inference.server.metrics import CONTENT_TYPE, Metrics
from xtremedistil_tf.inference.server.model import RequestError
from xtremedistil_tf.inference.server.page import PageOf
from xtremedistil_tf.inference.server.scheduling import Scheduler

log = logging.getLogger(__name__)

T = TypeVar("T")
_CLOSE = {"Connection": "close"}
_MOST_QUOTED = 100
# Bytes of JSON that are read or written faster than a thread is found for them.
_SMALL = 1 << 14
# Requests of the largest size that may wait at once.
_LARGE_REQUESTS = 16
_V2 = "/v2/models/"
_OPEN = ("/", "/healthz", "/v2/health/live", "/v2/health/ready")


class Server:
    """The server as an ASGI application.

    Args:
        api: what is served.
        config: name and limits.
        guard: who may ask.
        ending: whether the server takes no further requests of a connection.

    Attributes:
        metrics: what it counts.
    """

    def __init__(self, api: Api, config: ServeConfig, guard: Guard, ending: Callable[[], bool] = lambda: False):
        self._config, self._guard, self._ending = config, guard, ending
        self.metrics = Metrics(lambda: self._scheduler.waiting, lambda: api.version)
        self._scheduler = Scheduler(config.batch_subwords, config.max_queue,
                                    _LARGE_REQUESTS * config.max_request_bytes, self.metrics.batch)
        own = f"{PREFIX}{config.serving_name}"
        origins = list(guard.origins)
        cors = Middleware(CORSMiddleware, allow_origins=origins, allow_methods=["GET", "POST"],
                          allow_headers=["Authorization", "Content-Type"])
        self._app = Starlette(
            routes=_routes(api, config, _Predict(self._scheduler, config), self.metrics),
            middleware=[cors] if origins else [],
            exception_handlers={HTTPException: functools.partial(_no_route, own), RequestError: _refused,
                                Exception: _failed})
        self._app.router.redirect_slashes = False

    def end(self) -> None:
        """Ends its threads."""
        self._scheduler.end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A proxy may ask for `http://host/path`.
        scope["path"] = re.sub("^https?://[^/]*|#.*", "", scope["path"])
        status, begun = 0, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._ending():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            try:
                self._guard.check(scope, _OPEN.__contains__)
            except RequestError as error:
                await _answer_of(error)(scope, receive, noted)
            else:
                await self._app(scope, receive, noted)
        finally:  # the client has its answer by now
            seconds = time.monotonic() - begun
            self.metrics.request(_route_name(scope["path"]), status, seconds)
            # Without the query, which may hold a text.
            log.info("%s %s HTTP/%s: %d, %.0f ms", scope["method"],
                     scope["raw_path"].decode("ascii", "replace")[:200], scope["http_version"], status, 1000 * seconds)


def _routes(api: Api, config: ServeConfig, predict: _Predict, metrics: Metrics) -> list[Route]:
    page = PageOf(api, config)

    def versioned(answer: Callable[[], Response]) -> Callable[[Request], Response]:
        def checked(request: Request) -> Response:
            _check_version(api, request)
            return answer()

        return checked

    def asks(read: Callable[[bytes], Question]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            _check_version(api, request)
            return await predict.answer(request, read)

        return answer

    ready = {"name": config.serving_name, "ready": True}
    own, other = f"{PREFIX}{config.serving_name}", f"{_V2}{config.serving_name}"
    routes = [_read("/", lambda request: page.response()),
              _read("/healthz", lambda request: _json(200, {"status": "ok"})),
              _read("/metrics", lambda request: Response(metrics.text(), media_type=CONTENT_TYPE)),
              _read("/v2", lambda request: _json(200, v2.server_metadata())),
              _read("/v2/health/live", lambda request: _json(200, {"live": True})),
              _read("/v2/health/ready", lambda request: _json(200, {"ready": True}))]
    for version in ("", "/versions/{version:int}"):
        routes += [Route(f"{own}{version}:predict", asks(api.read), methods=["POST"]),
                   Route(f"{other}{version}/infer", asks(functools.partial(v2.read, api)), methods=["POST"]),
                   _read(f"{own}{version}", versioned(lambda: _json(200, api.status()))),
                   _read(f"{own}{version}/metadata", versioned(lambda: _json(200, api.metadata()))),
                   _read(f"{other}{version}", versioned(lambda: _json(200, v2.model_metadata(api)))),
                   _read(f"{other}{version}/ready", versioned(lambda: _json(200, ready)))]
    return routes


def _read(path: str, response: Callable[[Request], Response]) -> Route:
    async def answer(request: Request) -> Response:
        return response(request)

    return Route(path, answer)


def _check_version(api: Api, request: Request) -> None:
    if request.path_params.get("version", api.version) != api.version:
        raise HTTPException(404)


def _route_name(path: str) -> str:
    for end, name in ((":predict", "predict"), ("/infer", "infer"), ("/metadata", "metadata")):
        if path.endswith(end):
            return name
    return path if path in (*_OPEN, "/metrics") else "other"


class _Predict:
    """Reads bodies, and waits for answers as long as the client does."""

    def __init__(self, scheduler: Scheduler, config: ServeConfig):
        self._scheduler, self._config = scheduler, config
        # Few threads, so that much JSON does not take the interpreter from everything else.
        self._threads = anyio.CapacityLimiter(2)

    async def answer(self, request: Request, read: Callable[[bytes], Question]) -> Response:
        body = await self._body(request)
        question = await self._aside(len(body), lambda: read(body))
        rows: list[Row] = []
        if question.job:
            self._scheduler.submit(question.job)
            rows = await self._rows(request, question.job)
        size = sum(map(len, (value for row in rows for value in row.values())))
        text = await self._aside(size, lambda: question.write(rows))
        return Response(text, 200, media_type="application/json")

    async def _aside(self, size: int, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work, limiter=self._threads) if size > _SMALL else work()

    async def _rows(self, request: Request, job: Job) -> list[Row]:
        answer = asyncio.wrap_future(job.done)
        gone = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait({answer, gone}, timeout=self._config.deadline_seconds,
                               return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if gone.done():
                raise RequestError(499, "the client has gone")
            raise job.late()
        finally:
            gone.cancel()
            answer.cancel()  # nothing more is done for it

    async def _body(self, request: Request) -> bytes:
        self._check(request)
        parts: list[bytes] = []
        try:
            with anyio.fail_after(self._config.timeout_seconds):
                while True:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise RequestError(499, "the client has gone")
                    parts.append(message["body"])
                    if not message["more_body"]:
                        return b"".join(parts)
        except TimeoutError:
            raise RequestError(408, "the request's body did not arrive in time", _CLOSE) from None

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
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestError(415, "expected the header `Content-Type: application/json`", further)


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
    return _answer_of(error)


def _answer_of(error: RequestError) -> Response:
    return _json(error.status, {"error": error.message}, error.headers)


def _failed(request: Request, error: Exception) -> Response:
    """A client is told nothing of the inside. Starlette raises the error again, and uvicorn closes the connection."""
    log.error("%s failed", request.url.path, exc_info=error)
    return _json(500, {"error": "the server failed at this request; its log says more"}, _CLOSE)


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    # Not JSONResponse, which refuses what a model may answer: NaN, and half of a surrogate pair.
    text = json.dumps(value, ensure_ascii=False) + "\n"
    return Response(text.encode("utf-8", "replace"), status, headers, "application/json")
