"""TensorFlow Serving's REST API for one model: its status, its metadata and `predict`."""

from __future__ import annotations

import json
import math
import re
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.server.batches import plan, run_batches
from xtremedistil_tf.server.config import ServeConfig
from xtremedistil_tf.server.errors import RequestError
from xtremedistil_tf.server.model import DEFAULT_SIGNATURE, ServedModel, Signature, Tensors
from xtremedistil_tf.server.tensors import padded_size, read_inputs, specs_as_json, write_outputs

PREFIX = "/v1/models/"
_PATH = re.compile(PREFIX + r"(?P<name>[^/:]+)(?:/versions/(?P<version>[0-9]{1,18}))?"
                   r"(?P<what>:predict|/metadata|)")
_RETRY_AFTER = {"Retry-After": "1"}


class Api:
    """Answers requests, one batch of one request at a time.

    Args:
        model: what is served.
        config: name, version and limits.
    """

    def __init__(self, model: ServedModel, config: ServeConfig):
        self.model, self._config = model, config
        self._places = threading.BoundedSemaphore(config.max_queue)
        # One batch at a time: TensorFlow's own threads keep all cores busy with it, and memory stays bounded.
        self._turn = threading.Lock()

    def answer(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        """The response to a request as a JSON value.

        Args:
            method: of HTTP; HEAD counts as GET.
            path: without the query.
            body: of the request.

        Raises:
            RequestError: what is answered instead: 400 a malformed request, 404 no such model, version or
                path, 405 the wrong method, 413 too many or too long texts, 503 too many requests.
        """
        what = self._find(path)
        allowed = ("POST",) if what == ":predict" else ("GET", "HEAD")
        if method not in allowed:
            raise RequestError(405, f"{path} takes {allowed[0]}, not {method}", {"Allow": ", ".join(allowed)})
        if what == ":predict":
            return self._predict(body)
        return self._metadata() if what else self._status()

    def _find(self, path: str) -> str:
        config = self._config
        match = _PATH.fullmatch(path)
        own = f"{PREFIX}{config.serving_name}"
        if not match:
            raise RequestError(404, f"no such path; {own} and {own}/metadata take GET, {own}:predict takes "
                                    "POST")
        name, version = urllib.parse.unquote(match["name"]), match["version"]
        if name != config.serving_name:
            raise RequestError(404, f"no model {name!r} is served here, but {config.serving_name!r}")
        if version is not None and int(version) != config.serving_version:
            raise RequestError(404, f"no version {version} of {name!r} is served here, but "
                                    f"{config.serving_version}")
        return match["what"]

    def _status(self) -> dict[str, Any]:
        return {"model_version_status": [{"version": str(self._config.serving_version), "state": "AVAILABLE",
                                          "status": {"error_code": "OK", "error_message": ""}}]}

    def _metadata(self) -> dict[str, Any]:
        found = {name: {"inputs": specs_as_json(signature.inputs),
                        "outputs": specs_as_json(signature.outputs),
                        "method_name": "tensorflow/serving/predict"}
                 for name, signature in self.model.signatures.items()}
        return {"model_spec": {"name": self._config.serving_name, "signature_name": "",
                               "version": str(self._config.serving_version)},
                "metadata": {"signature_def": {"signature_def": found}}}

    def _predict(self, body: bytes) -> dict[str, Any]:
        if not self._places.acquire(blocking=False):
            raise RequestError(503, "too many requests are waiting; try again later", _RETRY_AFTER)
        try:
            request = _parsed(body)
            signature = self._signature(request.get("signature_name", ""))
            outputs = self._run(signature, read_inputs(request, signature))
            return write_outputs(outputs, by_row="instances" in request)
        finally:
            self._places.release()

    def _signature(self, name: Any) -> Signature:
        if not isinstance(name, str):
            raise RequestError(400, '"signature_name": expected a string')
        found = self.model.signatures.get(name or DEFAULT_SIGNATURE)
        if found is None:
            known = ", ".join(sorted(self.model.signatures))
            raise RequestError(400, f"the model has no signature {name[:60]!r}, but {known}")
        return found

    def _run(self, signature: Signature, inputs: Tensors) -> Tensors:
        config = self._config
        if (count := len(next(iter(inputs.values())))) > config.max_texts:
            raise RequestError(413, f"{count} texts in a request, at most {config.max_texts} are taken; send "
                                    "several requests")
        if not signature.takes_texts:
            _check_size(padded_size(inputs), config.batch_bytes, "the inputs hold {} numbers")
            return self._call(signature, inputs)
        sizes = _bytes_of_rows(inputs)
        _check_size(max(sizes, default=0), config.batch_bytes, "a text of {} bytes")
        return run_batches(lambda batch: self._call(signature, batch), inputs,
                           plan(sizes, config.batch_bytes))

    def _call(self, signature: Signature, inputs: Tensors) -> Tensors:
        with self._turn:
            return signature.call(inputs)


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON that can be read ({error})") from error
    if not isinstance(request, dict):
        raise RequestError(400, 'the body: expected a JSON object with "instances" or "inputs"')
    return request


def _bytes_of_rows(inputs: Tensors) -> list[int]:
    """Bytes of each row's strings together, at least 1 for each."""
    rows = [values.reshape(len(values), math.prod(values.shape[1:])) for values in inputs.values()]
    return [max(1, sum(max(1, len(text)) for text in row)) for row in np.concatenate(rows, 1)]


def _check_size(size: int, most: int, what: str) -> None:
    if size > most:
        raise RequestError(413, f"{what.format(size)}, at most {most} are taken; the server's --batch_bytes "
                                "raises this limit")
