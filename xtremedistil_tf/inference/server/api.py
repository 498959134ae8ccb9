"""TensorFlow Serving's REST API for one model: its status, its metadata and `predict`, in bounded batches."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.model import (
    DEFAULT_SIGNATURE,
    RequestError,
    ServedModel,
    ServedSignature,
    Tensors,
)
from xtremedistil_tf.inference.server.tensors import padded_size, read_inputs, specs_as_json, write_outputs

PREFIX = "/v1/models/"


class Api:
    """Answers requests with JSON values, one batch of one request at a time.

    Args:
        model: what is served.
        config: name, version and limits.
    """

    def __init__(self, model: ServedModel, config: ServeConfig):
        self.model, self._config = model, config
        # One batch at a time: TensorFlow's own threads keep all cores busy with it, and memory stays bounded.
        self._turn = threading.Lock()

    def status(self) -> dict[str, Any]:
        """Whether the model is available."""
        return {"model_version_status": [{"version": str(self._config.serving_version), "state": "AVAILABLE",
                                          "status": {"error_code": "OK", "error_message": ""}}]}

    def metadata(self) -> dict[str, Any]:
        """The signatures with their inputs and outputs."""
        found = {name: {"inputs": specs_as_json(signature.inputs),
                        "outputs": specs_as_json(signature.outputs),
                        "method_name": "tensorflow/serving/predict"}
                 for name, signature in self.model.signatures.items()}
        return {"model_spec": {"name": self._config.serving_name, "signature_name": "",
                               "version": str(self._config.serving_version)},
                "metadata": {"signature_def": {"signature_def": found}}}

    def predict(self, body: bytes) -> dict[str, Any]:
        """The predictions that a request's body asks for. Blocks, and may be called from many threads.

        Raises:
            RequestError: what is answered instead: 400 a malformed request, 413 too many or too long texts.
        """
        request = _parsed(body)
        signature = self._signature(request.get("signature_name", ""))
        outputs = self._run(signature, read_inputs(request, signature))
        return write_outputs(outputs, by_row="instances" in request)

    def _signature(self, name: Any) -> ServedSignature:
        if not isinstance(name, str):
            raise RequestError(400, '"signature_name": expected a string')
        found = self.model.signatures.get(name or DEFAULT_SIGNATURE)
        if found is None:
            known = ", ".join(sorted(self.model.signatures))
            raise RequestError(400, f"the model has no signature {name[:60]!r}, but {known}")
        return found

    def _run(self, signature: ServedSignature, inputs: Tensors) -> Tensors:
        config = self._config
        if (count := len(next(iter(inputs.values())))) > config.max_texts:
            raise RequestError(413, f"{count} texts in a request, at most {config.max_texts} are taken; send "
                                    "several requests")
        if not signature.takes_texts:
            _check_size(padded_size(inputs), config.batch_bytes, "the inputs hold {} numbers")
            return self._call(signature, inputs)
        sizes = _bytes_of_rows(inputs)
        if signature.whole is None:
            _check_size(max(sizes, default=0), config.batch_bytes, "a text of {} bytes")
        # A longer text is a batch of its own.
        batches = plan([min(size, config.batch_bytes) for size in sizes], config.batch_bytes)
        return run_batches(lambda batch: self._call(signature, batch), inputs, batches)

    def _call(self, signature: ServedSignature, inputs: Tensors) -> Tensors:
        is_long = signature.takes_texts and max(_bytes_of_rows(inputs), default=0) > self._config.batch_bytes
        with self._turn:
            return signature.whole(inputs) if is_long and signature.whole else signature.call(inputs)


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
        raise RequestError(413, f"{what.format(size)}, at most {most} are taken; the server's `batch_bytes` "
                                "raises this limit")


def plan(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Rows of each batch, longest rows first, so that rows times the longest of them is at most `most`.

    Args:
        sizes: of each row, at least 1 and at most `most`.
        most: size of a batch, padding included.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(sizes)), key=lambda row: -sizes[row]):
        if not batches or (len(batches[-1]) + 1) * sizes[batches[-1][0]] > most:
            batches.append([])
        batches[-1].append(row)
    return batches


def run_batches(call: Callable[[Tensors], Tensors], inputs: Tensors,
                batches: Sequence[Sequence[int]]) -> Tensors:
    """The outputs that `call` gives for all rows, as if called once.

    Outputs of batches may differ in width; they are padded as the signatures pad them, with "" and -1.

    Args:
        call: inputs by name, [rows, ...] -> outputs by name, [rows, ...].
        inputs: [rows, ...] each.
        batches: every row once.
    """
    if len(batches) < 2:
        return call(inputs)
    parts = [call({name: values[rows] for name, values in inputs.items()}) for rows in batches]
    order = np.argsort([row for rows in batches for row in rows])
    return {name: _joined([part[name] for part in parts])[order] for name in parts[0]}


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    shape = np.max([part.shape[1:] for part in parts], 0) if parts[0].ndim > 1 else ()
    fill = b"" if parts[0].dtype == object else -1
    missing = [[(0, 0), *((0, wide - own) for wide, own in zip(shape, part.shape[1:]))] for part in parts]
    return np.concatenate([np.pad(part, pads, constant_values=fill) for part, pads in zip(parts, missing)])
