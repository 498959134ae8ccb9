"""The client for TensorFlow Serving's gRPC interface."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.inference.serving.client import DEFAULT_MODEL, ServingClient, Signature, Transient, is_collision

_TARGET = re.compile(r"[^/\s]+:\d+")
# Logits of a large batch exceed gRPC's 4 MB. A channel's own pause before it connects again starts at a
# second: until then, tries would fail without trying.
_CHANNEL = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 2000)]
_TRANSIENT = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")


class GrpcClient(ServingClient):
    """Speaks gRPC, without encryption; needs the extra `serving`.

    Args:
        target: such as `localhost:8500`.
        model, version, timeout, retries: see `ServingClient`.

    Raises:
        ConfigError: not host:port.
        MissingExtraError: a package of the extra is not installed.
    """

    def __init__(self, target: str, model: str = DEFAULT_MODEL, version: int | str | None = None,
                 timeout: float = 10.0, retries: int = 3):
        if not _TARGET.fullmatch(target):
            raise ConfigError(f"{quoted(target)}: not the address of a gRPC server, expected such as "
                              "localhost:8500.")
        super().__init__(target, model, version, timeout, retries)
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise MissingExtraError("tensorflow-serving-api", "serving",
                                    "Asking TensorFlow Serving by gRPC") from error
        self._channel = grpc.insecure_channel(target, options=_CHANNEL)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def _try_call(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import tensorflow as tf
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        request = self._addressed(PredictRequest())
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            value = value if isinstance(value, np.ndarray) else [text.encode("utf-8") for text in value]
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        response = self._send(self._predictions.Predict, request)
        return {name: _decoded(tf.make_ndarray(value)) for name, value in response.outputs.items()}

    def _read_signatures(self) -> dict[str, Signature]:
        from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap

        request = self._addressed(GetModelMetadataRequest(metadata_field=["signature_def"]))
        response, found = self._send(self._predictions.GetModelMetadata, request), SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return {name: Signature(tuple(sorted(value.inputs)), tuple(sorted(value.outputs)))
                for name, value in found.signature_def.items()}

    def _read_versions(self) -> dict[int, str]:
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

        response = self._send(self._models.GetModelStatus, self._addressed(GetModelStatusRequest()))
        return {status.version: ModelVersionStatus.State.Name(status.state)
                for status in response.model_version_status}

    def _addressed(self, request: Any) -> Any:
        request.model_spec.name = self.model
        if isinstance(self.version, int):
            request.model_spec.version.value = self.version
        elif self.version is not None:
            request.model_spec.version_label = self.version
        return request

    def _send(self, method: Any, request: Any) -> Any:
        import grpc

        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            message = f"{error.details()} (status {error.code().name})"
            if error.code().name in _TRANSIENT or is_collision(message):
                raise Transient(message) from None
            raise self.refused(message) from None


def _decoded(values: np.ndarray) -> np.ndarray:
    """Strings as `str`."""
    if values.dtype != object:
        return values
    texts = np.empty(values.shape, object)
    texts.reshape(-1)[:] = [value.decode("utf-8", "replace") for value in values.flat]
    return texts
