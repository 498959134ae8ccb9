"""TensorFlow Serving's REST API for one model: its status, its metadata, and what a request for predictions asks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.jobs import Job, Row
from xtremedistil_tf.inference.server.model import (
    DEFAULT_SIGNATURE,
    RequestError,
    ServedModel,
    ServedSignature,
    Tensors,
)
from xtremedistil_tf.inference.server.tensors import (
    check_ids,
    joined_columns,
    joined_rows,
    read_inputs,
    specs_as_json,
)

PREFIX = "/v1/models/"


class Question(NamedTuple):
    """Attributes:
        job: to be answered; None: there is nothing to answer.
        write: the answers of all rows -> the body of the response.
    """

    job: Job | None
    write: Callable[[Sequence[Row]], bytes]


class Api:
    """What is served now, and how requests are read.

    Args:
        model: what is served first.
        config: name, version and limits.

    Attributes:
        model, version: what is served now.
    """

    def __init__(self, model: ServedModel, config: ServeConfig):
        self.model, self.version, self.config = model, config.serving_version, config

    def replace(self, model: ServedModel) -> None:
        """Answers with another model from the next request on; those that are read already keep theirs."""
        self.model, self.version = model, self.version + 1

    def status(self) -> dict[str, Any]:
        """Whether the model is available."""
        return {"model_version_status": [{"version": str(self.version), "state": "AVAILABLE",
                                          "status": {"error_code": "OK", "error_message": ""}}]}

    def metadata(self) -> dict[str, Any]:
        """The signatures with their inputs and outputs."""
        found = {name: {"inputs": specs_as_json(signature.inputs),
                        "outputs": specs_as_json(signature.outputs),
                        "method_name": "tensorflow/serving/predict"}
                 for name, signature in self.model.signatures.items()}
        return {"model_spec": {"name": self.config.serving_name, "signature_name": "", "version": str(self.version)},
                "metadata": {"signature_def": {"signature_def": found}}}

    def read(self, body: bytes) -> Question:
        """What a request's body asks.

        Raises:
            RequestError: 400 a malformed request, 413 too many or too long texts.
        """
        request = parsed(body)
        model = self.model
        signature = _signature(model, request.get("signature_name", ""))
        job = self.job(model, signature, read_inputs(request, signature))
        if "instances" in request:
            return Question(job, lambda rows: b'{"predictions": %s}\n' % joined_rows(rows))
        names = list(signature.outputs)
        return Question(job, lambda rows: b'{"outputs": %s}\n' % joined_columns(rows, rows[0] if rows else names))

    def job(self, model: ServedModel, signature: ServedSignature, inputs: Tensors) -> Job | None:
        """The work of inputs; None where they have no rows.

        Raises:
            RequestError: 400 ids that the model does not have, 413 too many or too long texts.
        """
        config = self.config
        if (count := len(next(iter(inputs.values())))) > config.max_texts:
            raise RequestError(413, f"{count} texts in a request, at most {config.max_texts} are taken; send "
                                    "several requests")
        check_ids(inputs, signature)
        if not count:
            return None
        job = Job(model, signature, inputs, config.deadline_seconds, config.max_answer_bytes)
        if signature.whole is None and (longest := max(job.sizes)) > config.max_text_bytes:
            what = "a text" if signature.takes_texts else "a row"
            raise RequestError(413, f"{what} of {longest} bytes, at most {config.max_text_bytes} are taken; the "
                                    "server's `max_text_bytes` raises this limit")
        return job


def parsed(body: bytes) -> Mapping[str, Any]:
    """The JSON object of a body.

    Raises:
        RequestError: 400, it is none.
    """
    try:
        request = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON that can be read ({error})") from error
    if not isinstance(request, dict):
        raise RequestError(400, 'the body: expected a JSON object with "instances" or "inputs"')
    return request


def _signature(model: ServedModel, name: Any) -> ServedSignature:
    if not isinstance(name, str):
        raise RequestError(400, '"signature_name": expected a string')
    found = model.signatures.get(name or DEFAULT_SIGNATURE)
    if found is None:
        raise RequestError(400, f"the model has no signature {name[:60]!r}, but {', '.join(sorted(model.signatures))}")
    return found
