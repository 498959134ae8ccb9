"""A request that is answered with an error."""

from __future__ import annotations

from collections.abc import Mapping


class RequestError(Exception):
    """What a client is told in place of an answer.

    Attributes:
        status: status code of HTTP.
        message: for the client.
        headers: further headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})
