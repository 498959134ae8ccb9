"""A stand-in for TensorFlow Serving over really exported SavedModels, on the loopback interface alone.

gRPC by the official stubs; REST by TensorFlow Serving's published description of it. Written for tests: it checks what
the real server checks, passes on its error texts, and can be told to fail.
"""

from __future__ import annotations

import base64
import concurrent.futures
import functools
import http.server
import json
import re
import threading
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers ops
from google.protobuf import any_pb2, json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

_PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?:predict")
_LOOK = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?")
_STATUSES = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "RESOURCE_EXHAUSTED": 429,
             "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504, "INTERNAL": 500}


class Refusal(Exception):
    """An answer that is an error; `code` names a status of gRPC. `hang`: no answer for 20 s."""

    def __init__(self, code: str, message: str, hang: bool = False):
        super().__init__(message)
        self.code, self.message, self.hang = code, message, hang


class Served:
    """Models by name and version, and what happens to requests for them.

    Attributes:
        labels: (model, label) -> version.
        faults: each is the answer to one of the next requests.
        asked: (protocol, model, signature) of every request for a prediction that was answered.
        batches: number of rows of each of those.
        metadata_asked: number of requests for metadata.
    """

    def __init__(self):
        self._models: dict[str, dict[int, Any]] = {}
        self._lock, self.stopped = threading.Lock(), threading.Event()
        self.labels: dict[tuple[str, str], int] = {}
        self.faults: list[Refusal] = []
        self.asked: list[tuple[str, str, str]] = []
        self.batches: list[int] = []
        self.metadata_asked = 0

    def add(self, name: str, version: int, path) -> None:
        self._models.setdefault(name, {})[version] = load(str(path))

    def versions(self, name: str) -> list[int]:
        if name not in self._models:
            raise Refusal("NOT_FOUND", f"Could not find any versions of model {name}")
        return sorted(self._models[name])

    def find(self, name: str, version: int | None, label: str | None) -> tuple[int, Any]:
        version = self.labels.get((name, label), -1) if label else version
        number = max(self._models.get(name, {-1: None})) if version is None else version
        if number not in self._models.get(name, {}):
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise Refusal("NOT_FOUND", f"Servable not found for request: {wanted}")
        return number, self._models[name][number]

    def signature(self, model, name: str):
        name = name or "serving_default"
        if name not in model.signatures:
            raise Refusal("INVALID_ARGUMENT", f'Serving signature name: "{name}" not found in signature def')
        return model.signatures[name]

    def fail_if_told(self) -> None:
        with self._lock:
            fault = self.faults.pop(0) if self.faults else None
        if fault is not None and fault.hang:
            self.stopped.wait(20)
        if fault is not None:
            raise fault

    def run(self, protocol: str, name: str, signature: str, function, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
        wanted = function.structured_input_signature[1]
        if set(inputs) != set(wanted):
            raise Refusal("INVALID_ARGUMENT", f"input size does not match signature: {len(inputs)}!={len(wanted)} len("
                                              f"{{{','.join(inputs)}}}) != len({{{','.join(wanted)}}}).")
        tensors = {key: tf.constant(value, wanted[key].dtype) for key, value in inputs.items()}
        try:
            found = {key: value.numpy() for key, value in function(**tensors).items()}
        except tf.errors.OpError as error:
            raise Refusal("INVALID_ARGUMENT", error.message) from None
        with self._lock:
            self.asked.append((protocol, name, signature))
            self.batches.append(len(next(iter(tensors.values()))))
        return found


@functools.lru_cache(None)
def load(path: str):
    """The SavedModel of a folder that nobody writes into again."""
    return tf.saved_model.load(path)


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, served: Served):
        self._served = served

    def Predict(self, request, context):
        with _grpc_errors(context):
            self._served.fail_if_told()
            spec = request.model_spec
            number, model = self._served.find(*_spec(spec))
            function = self._served.signature(model, spec.signature_name)
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            response = predict_pb2.PredictResponse()
            response.model_spec.CopyFrom(spec)
            response.model_spec.version.value = number
            for name, value in self._served.run("grpc", spec.name, spec.signature_name, function, inputs).items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
            return response

    def GetModelMetadata(self, request, context):
        with _grpc_errors(context):
            assert list(request.metadata_field) == ["signature_def"]
            return _metadata(self._served, *_spec(request.model_spec))


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, served: Served):
        self._served = served

    def GetModelStatus(self, request, context):
        with _grpc_errors(context):
            return _status(self._served, *_spec(request.model_spec))


class _grpc_errors:
    def __init__(self, context):
        self._context = context

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Refusal):
            self._context.abort(getattr(grpc.StatusCode, error.code), error.message)


def _spec(spec) -> tuple[str, int | None, str | None]:
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label or None


def _metadata(served: Served, name, version, label):
    served.fail_if_told()
    served.metadata_asked += 1
    number, model = served.find(name, version, label)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name, response.model_spec.version.value = name, number
    response.metadata["signature_def"].Pack(_signature_map(model))
    return response


def _signature_map(model) -> get_model_metadata_pb2.SignatureDefMap:
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, function in model.signatures.items():
        for kind, tensors in (("inputs", function.structured_input_signature[1]),
                              ("outputs", function.structured_outputs)):
            for key, spec in tensors.items():
                info = getattr(found.signature_def[name], kind)[key]
                info.name, info.dtype = f"{key}:0", spec.dtype.as_datatype_enum
    return found


def _status(served: Served, name, version, label) -> get_model_status_pb2.GetModelStatusResponse:
    served.fail_if_told()
    numbers = served.versions(name) if version is None and label is None else [served.find(name, version, label)[0]]
    response = get_model_status_pb2.GetModelStatusResponse()
    for number in numbers:
        response.model_version_status.add(version=number, state=get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    return response


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def do_GET(self):
        self._reply(self._look)

    def do_POST(self):
        # Read in any case: what is left of a body would be taken for the next request.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(lambda: self._predict(body))

    def _reply(self, make):
        status = 200
        try:
            found = make()
        except Refusal as refusal:
            status, found = _STATUSES[refusal.code], {"error": refusal.message}
        text = json.dumps(found, indent=4).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except ConnectionError:
            pass  # the client gave up waiting

    def _look(self):
        match = _LOOK.fullmatch(self.path)
        if not match:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
        address = match[1], int(match[2]) if match[2] else None, match[3]
        if not match[4]:
            return json_format.MessageToDict(_status(self.served, *address), preserving_proto_field_name=True)
        found, signatures = _metadata(self.served, *address), get_model_metadata_pb2.SignatureDefMap()
        found.metadata["signature_def"].Unpack(signatures)
        found.metadata["signature_def"].CopyFrom(any_pb2.Any())
        return {"model_spec": {"name": match[1], "signature_name": "", "version": str(found.model_spec.version.value)},
                "metadata": {"signature_def": json_format.MessageToDict(signatures, preserving_proto_field_name=True)}}

    def _predict(self, body: bytes):
        self.served.fail_if_told()
        match = _PREDICT.fullmatch(self.path)
        if not match:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
        _, model = self.served.find(match[1], int(match[2]) if match[2] else None, match[3])
        try:
            request = json.loads(body)
        except ValueError:
            raise Refusal("INVALID_ARGUMENT", "JSON Parse error: Invalid value. at offset: 0") from None
        signature = request.get("signature_name", "")
        function = self.served.signature(model, signature)
        names = list(function.structured_input_signature[1])
        if "inputs" in request:
            inputs, key = _named(request["inputs"], names), "outputs"
        elif "instances" in request:
            rows = [row if isinstance(row, dict) and "b64" not in row else {names[0]: row}
                    for row in request["instances"]]
            inputs, key = {name: [row[name] for row in rows] for name in rows[0]}, "predictions"
        else:
            raise Refusal("INVALID_ARGUMENT", "Missing 'inputs' or 'instances' key")
        found = self.served.run("rest", match[1], signature, function,
                                {name: _from_json(value) for name, value in inputs.items()})
        columns = {name: _to_json(value) for name, value in found.items()}
        if key == "outputs":
            return {key: columns if len(columns) > 1 else next(iter(columns.values()))}
        rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
        return {key: rows if len(columns) > 1 else next(iter(columns.values()))}

    def log_message(self, *_):
        pass


def _named(inputs: Any, names: list[str]) -> dict[str, Any]:
    if isinstance(inputs, dict) and "b64" not in inputs:
        return inputs
    if len(names) > 1:
        raise Refusal("INVALID_ARGUMENT", "inputs is a plain value/list, but expecting an object as multiple input "
                                          "tensors required as per tensorinfo_map")
    return {names[0]: inputs}


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if isinstance(value, dict):
        return base64.b64decode(value["b64"])
    return value.encode() if isinstance(value, str) else value


def _to_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    # The shortest decimal that gives the same float32.
    return float(str(value)) if isinstance(value, np.floating) else int(value)


class ModelServer:
    """Both protocols on 127.0.0.1, REST on a free port: a context manager with `served`, `grpc_port`, `rest_port`."""

    def __init__(self, grpc_port: int = 0):
        self.served, self._wanted_port = Served(), grpc_port

    def __enter__(self):
        self._grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Predictions(self.served), self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(self.served), self._grpc)
        self.grpc_port = self._grpc.add_insecure_port(f"127.0.0.1:{self._wanted_port}")
        self._grpc.start()
        handler = type("Handler", (_Handler,), {"served": self.served})
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.rest_port = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.served.stopped.set()
        self._grpc.stop(0).wait(10)
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)
