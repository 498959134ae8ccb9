"""Running a student on a TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.export.serving.client import ServingClient
from xtremedistil_tf.export.serving.grpc_client import GrpcClient
from xtremedistil_tf.export.serving.requests import DEFAULT_MODEL
from xtremedistil_tf.export.serving.rest_client import RestClient
from xtremedistil_tf.runtimes.outputs import logits_of
from xtremedistil_tf.tasks.task import Task

# A batch of 256 long inputs takes a small server its time.
_TIMEOUT = 60.0


class ServingRuntime:
    """The `token_ids` signature of a model on a server.

    Args:
        address: `serving://host:port[/model]` (gRPC) or `serving+http://host:port[/model]` or
            `serving+https://host[:port][/model]` (REST).
        model: name of the model; None: the one that the address names, else `xtremedistil`.
        task: checked against the model's answers; None: they are taken as they are.
        retries: how often a request is tried again, see `ServingClient`.

    Raises:
        ConfigError: the address has another form.
        ModelLoadError: the server does not answer, or the model has no `token_ids` signature.
        MissingExtraError: gRPC, and a package of the extra `serving` is not installed.
    """

    def __init__(self, address: str, model: str | None = None, task: Task | None = None, retries: int = 3):
        self._client, self._task = _client(address, model, retries), task
        signature = self._client.signatures.get("token_ids")
        if signature is None:
            raise ModelLoadError(f"{self._client.where}: no signature token_ids, but "
                                 f"{', '.join(sorted(self._client.signatures))}. Check the model's name.")
        self._names = signature.inputs

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        missing = [name for name in self._names if name not in batch]
        if missing:
            raise ModelLoadError(f"{self._client.where}: needs {', '.join(missing)}, which this task's "
                                 "inputs do not have. It is a model for another task.")
        logits = logits_of(self._client.token_ids({name: batch[name] for name in self._names}))
        if self._task is not None:
            self._check(logits)
        return {"logits": logits}

    def close(self) -> None:
        self._client.close()

    def _check(self, logits: np.ndarray) -> None:
        found = _shape(logits.ndim == 3, logits.shape[-1])
        expected = _shape(self._task.per_piece, self._task.num_outputs)
        if found != expected:
            raise ModelLoadError(f"{self._client.where}: returns {found}, expected {expected}. It is a "
                                 "model for another task.")


def _shape(per_piece: bool, outputs: int) -> str:
    return f"{outputs} logits for each {'piece' if per_piece else 'input'}"


def _client(address: str, model: str | None, retries: int) -> ServingClient:
    parts = urlsplit(address)
    named = unquote(parts.path.strip("/"))
    if parts.scheme not in ("serving", "serving+http", "serving+https") or not parts.netloc or "/" in named:
        raise ConfigError(f"{quoted(address)}: expected serving://host:port[/model] for gRPC or "
                          "serving+http://host:port[/model] for REST.")
    model = model or named or DEFAULT_MODEL
    if parts.scheme == "serving":
        return GrpcClient(parts.netloc, model, timeout=_TIMEOUT, retries=retries)
    url = f"{parts.scheme.partition('+')[2]}://{parts.netloc}"
    return RestClient(url, model, timeout=_TIMEOUT, retries=retries)
