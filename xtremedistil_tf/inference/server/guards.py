"""Who may ask: names of this server, pages of other sites, and the key."""

from __future__ import annotations

import hmac
import ipaddress
import pathlib
import socket
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.server.model import RequestError

_SHORTEST_KEY = 16


def read_keys(path: str) -> list[bytes]:
    """The keys of `--api_key_file`, one a line.

    Raises:
        ConfigError: the file cannot be read, holds none, or one that can be guessed.
    """
    try:
        keys = [line.strip().encode() for line in pathlib.Path(path).read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`api_key_file={path}`: cannot be read ({error}).") from error
    if not keys or min(map(len, keys)) < _SHORTEST_KEY:
        raise ConfigError(f"`api_key_file={path}`: expected a key of {_SHORTEST_KEY} characters or more in each line. "
                          "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'")
    return keys


class Guard:
    """Refuses requests before anything of them is read.

    A page of another site can send requests to this machine, and a name of its own can be made to point here (DNS
    rebinding). Browsers tell both: in `Origin`, and in `Host`. An address in place of a name cannot be made to point
    anywhere else.

    Args:
        config: names and origins that are allowed.
        keys: what clients may show; empty: they need none.
    """

    def __init__(self, config: ServeConfig, keys: Sequence[bytes] = ()):
        self._hosts = {name.lower().rstrip(".") for name in (
            "localhost", config.host, socket.gethostname(), *listed(config.allowed_hosts))}
        self._origins = {origin.lower().rstrip("/") for origin in listed(config.allowed_origins)}
        self._keys = list(keys)

    @property
    def origins(self) -> Iterable[str]:
        """Other sites whose pages may ask."""
        return self._origins

    def check(self, scope: Scope, is_open: Callable[[str], bool]) -> None:
        """Raises RequestError where a request is refused.

        Args:
            scope: of ASGI.
            is_open: whether a path needs no key.
        """
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._knows(host):
            raise RequestError(421, f"this server is not called {host[:100]!r}; its `allowed_hosts` lists further "
                                    "names")
        origin = headers.get("origin")
        if origin is not None and not self._trusts(origin, host):
            raise RequestError(403, f"pages of {origin[:100]!r} may not ask this server; its `allowed_origins` lists "
                                    "those that may")
        preflight = scope["method"] == "OPTIONS" and origin is not None  # which carries no key
        if self._keys and not preflight and not is_open(scope["path"]):
            self._check_key(headers.get("authorization", ""))

    def _knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            urlsplit(f"//{host}").port  # noqa: B018  # a wrong one raises
        except ValueError:
            return False
        if name.rstrip(".") in self._hosts or "*" in self._hosts:
            return True
        return _is_address(name)

    def _trusts(self, origin: str, host: str) -> bool:
        own = urlsplit(origin.lower())
        return (own.netloc == host.lower() and own.scheme in ("http", "https")) or origin.lower() in self._origins

    def _check_key(self, given: str) -> None:
        kind, _, key = given.partition(" ")
        shown = key.strip().encode("utf-8", "replace")
        right = [hmac.compare_digest(shown, known) for known in self._keys]
        if kind.lower() != "bearer" or not any(right):
            raise RequestError(401, "expected the header `Authorization: Bearer <key>` with a key of this server",
                               {"WWW-Authenticate": "Bearer"})


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True

