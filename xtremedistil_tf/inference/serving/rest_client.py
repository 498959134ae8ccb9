"""The client for TensorFlow Serving's REST interface."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import numpy as np

from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.inference.serving.client import DEFAULT_MODEL, ServingClient, Signature, Transient, is_collision

if TYPE_CHECKING:
    import requests


# Too many requests, bad gateway, unavailable, gateway timeout.
_TRANSIENT_STATUSES = (429, 502, 503, 504)
_MAX_SHOWN = 300


class RestClient(ServingClient):
    """Speaks JSON over HTTP; needs nothing but what the package needs anyway.

    Args:
        url: such as `http://localhost:8501` or `https://host/prefix`.
        model, version, timeout, retries: see `ServingClient`.
        api_key: what a server with keys wants to see; None: nothing is shown.

    Raises:
        ConfigError: not a URL.
    """

    def __init__(self, url: str, model: str = DEFAULT_MODEL, version: int | str | None = None,
                 timeout: float = 10.0, retries: int = 3, api_key: str | None = None):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(f"{quoted(url)}: not the address of a REST server, expected such as "
                              "http://localhost:8501.")
        super().__init__(url, model, version, timeout, retries)
        self._url = f"{url.rstrip('/')}/v1/models/{quote(model, safe='')}"
        if version is not None:
            kind = "versions" if isinstance(version, int) else "labels"
            self._url += f"/{kind}/{quote(str(version), safe='')}"
        self._headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        # A session of requests is not made for several threads.
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    def _try_call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        values = {name: value.tolist() if isinstance(value, np.ndarray) else list(value)
                  for name, value in inputs.items()}
        found = self._json("POST", ":predict", {"signature_name": signature, "inputs": values})
        if "outputs" not in found:
            raise self._strange(found)
        outputs = found["outputs"]
        # The server leaves out the name of an only output; the one such output of our signatures is this.
        outputs = outputs if isinstance(outputs, dict) else {"scores": outputs}
        return {name: _array(value) for name, value in outputs.items()}

    def _read_signatures(self) -> dict[str, Signature]:
        found = self._json("GET", "/metadata")
        try:
            signatures = found["metadata"]["signature_def"]["signature_def"]
            return {name: Signature(*(tuple(sorted(value.get(part, ()))) for part in ("inputs", "outputs")))
                    for name, value in signatures.items()}
        except (KeyError, TypeError, AttributeError):
            raise self._strange(found) from None

    def _read_versions(self) -> dict[int, str]:
        found = self._json("GET", "")
        try:
            return {int(status["version"]): status["state"] for status in found["model_version_status"]}
        except (KeyError, TypeError, ValueError):
            raise self._strange(found) from None

    def _json(self, method: str, action: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        import requests

        try:
            response = self._session().request(method, self._url + action, json=body, timeout=self.timeout)
        except requests.Timeout:
            raise Transient(f"timeout after {self.timeout:g} s") from None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise Transient(_cause(error)) from None
        except requests.RequestException as error:
            raise ModelLoadError(f"{self.where}: {error}") from error
        try:
            found = response.json()
        except requests.JSONDecodeError:
            found = None
        if response.ok:
            if isinstance(found, dict):
                return found
            raise self._strange(response.text)
        message = found.get("error") if isinstance(found, dict) else response.text[:_MAX_SHOWN].strip()
        message = f"{message or response.reason} (status {response.status_code})"
        if response.status_code in _TRANSIENT_STATUSES or is_collision(message):
            raise Transient(message)
        raise self.refused(message)

    def _session(self) -> requests.Session:
        import requests

        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers.update(self._headers)
            self._sessions.append(self._local.session)
        return self._local.session

    def _strange(self, found: Any) -> ModelLoadError:
        return ModelLoadError(f"{self.where}: answered {quoted(found)}, which TensorFlow Serving's REST "
                              "interface does not. Check host and port (8501 as a rule; 8500 is gRPC).")


def _array(values: Any) -> np.ndarray:
    """JSON's values in the types that the signatures have; of rows of unequal length an array of their arrays."""
    if _is_ragged(values):
        rows = np.empty(len(values), object)
        rows[:] = [_array(row) for row in values]
        return rows
    found = np.asarray(values)
    # NumPy's own strings lose NULs at their ends.
    return np.asarray(values, {"f": np.float32, "i": np.int32}.get(found.dtype.kind, object))


def _is_ragged(values: Any) -> bool:
    return isinstance(values, list) and len({len(row) for row in values if isinstance(row, list)}) > 1


def _cause(error: Exception) -> str:
    """The innermost of nested exceptions, which says what happened."""
    while (inner := getattr(error, "reason", None) or error.__cause__ or error.__context__) and isinstance(
            inner, Exception):
        error = inner
    return str(error) or type(error).__name__
