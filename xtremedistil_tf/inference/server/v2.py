"""The Open Inference Protocol (KServe V2) for the same model: texts come in as BYTES."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import xtremedistil_tf
from xtremedistil_tf.inference.server.api import Api, Question, parsed
from xtremedistil_tf.inference.server.jobs import Row
from xtremedistil_tf.inference.server.model import RequestError, ServedModel, ServedSignature, Spec
from xtremedistil_tf.inference.server.tensors import tensor

_NAMES = {"string": "BYTES", "int32": "INT32", "float32": "FP32", "int64": "INT64"}
_TAKEN = {"string": ("BYTES",), "int32": ("INT32", "INT64")}


def server_metadata() -> dict[str, Any]:
    """What answers `/v2`."""
    return {"name": "xtreme-distil-serve", "version": xtremedistil_tf.__version__, "extensions": []}


def model_metadata(api: Api) -> dict[str, Any]:
    """What answers `/v2/models/<name>`: inputs and outputs of the signature that takes texts."""
    signature = api.model.default
    required = {name: spec for name, spec in signature.inputs.items() if name not in signature.optional}
    return {"name": api.config.serving_name, "versions": [str(api.version)], "platform": "xtremedistil",
            "inputs": [_described(name, spec.dtype, spec.shape) for name, spec in required.items()],
            "outputs": [_described(name, spec.dtype, (None,) if name in signature.counted else spec.shape)
                        for name, spec in signature.outputs.items()]}


def read(api: Api, body: bytes) -> Question:
    """What the body of an `infer` request asks.

    Raises:
        RequestError: 400 a malformed request, 413 too many or too long texts.
    """
    request = parsed(body)
    model, version = api.model, api.version
    given = request.get("inputs")
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise RequestError(400, '"inputs": expected a list of objects with name, shape, datatype and data')
    signature = _signature_for(model, [one.get("name") for one in given])
    inputs = {one["name"]: _tensor(one, signature.inputs[one["name"]]) for one in given}
    if len({len(values) for values in inputs.values()}) > 1:
        raise RequestError(400, "expected as many rows of one input as of the other")
    wanted = _wanted(request.get("outputs"), signature)
    head = {"model_name": api.config.serving_name, "model_version": str(version)}
    if isinstance(request.get("id"), str):
        head["id"] = request["id"]
    return Question(api.job(model, signature, inputs), lambda rows: _written(head, rows, wanted, signature))


def _signature_for(model: ServedModel, names: Sequence[Any]) -> ServedSignature:
    for signature in (model.default, *model.signatures.values()):
        required = set(signature.inputs) - signature.optional
        if all(isinstance(name, str) for name in names) and required <= set(names) <= set(signature.inputs):
            return signature
    expected = ", ".join(f"`{name}`" for name in model.inputs)
    raise RequestError(400, f'"inputs": the model takes {expected}, found {str(names)[:100]}')


def _tensor(given: Mapping[str, Any], spec: Spec) -> np.ndarray:
    name, shape, data = given["name"], given.get("shape"), given.get("data")
    if given.get("datatype") not in _TAKEN[spec.dtype]:
        raise RequestError(400, f"input `{name}`: datatype {str(given.get('datatype'))[:30]}, expected "
                                f"{' or '.join(_TAKEN[spec.dtype])}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise RequestError(400, f'input `{name}`: "shape": expected a list of whole numbers')
    if not isinstance(data, list):
        raise RequestError(400, f'input `{name}`: "data": expected a list; binary data are not taken')
    flat = tensor(_flat(data, len(shape)), Spec(spec.dtype, (None,)), name)
    if math.prod(shape) != len(flat):
        raise RequestError(400, f"input `{name}`: {len(flat)} values, expected {math.prod(shape)} for shape {shape}")
    # A column of texts is a list of texts, too.
    while len(shape) > len(spec.shape) and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != len(spec.shape):
        raise RequestError(400, f"input `{name}`: shape {shape}, expected {len(spec.shape)} sizes")
    return flat.reshape(shape)


def _flat(data: list[Any], depth: int) -> list[Any]:
    for _ in range(min(depth, 4) - 1):
        if data and all(isinstance(row, list) for row in data):
            data = [value for row in data for value in row]
    return data


def _wanted(outputs: Any, signature: ServedSignature) -> list[str]:
    if not outputs:
        return list(signature.outputs)
    names = [one.get("name") if isinstance(one, dict) else None for one in outputs if isinstance(outputs, list)]
    if unknown := [name for name in names if name not in signature.outputs]:
        raise RequestError(400, f'"outputs": {str(unknown[0])[:60]}, expected some of {", ".join(signature.outputs)}')
    return names


def _written(head: Mapping[str, str], rows: Sequence[Row], names: Sequence[str], signature: ServedSignature) -> bytes:
    """Values of rows of unequal length follow one another; the output that counts them says where each row ends."""
    outputs = []
    for name in names if rows else ():
        if name not in rows[0]:
            continue
        if name in signature.counted:
            inner = [row[name][1:-1] for row in rows if row[name] != b"[]"]
            counts = (int(row[signature.counted[name]]) for row in rows)
            shape, data = [sum(counts)], b"[" + b", ".join(inner) + b"]"
        else:
            shape = [len(rows), *np.shape(json.loads(rows[0][name]))]
            data = b"[" + b", ".join(row[name] for row in rows) + b"]"
        described = json.dumps(_described(name, signature.outputs[name].dtype, shape))[:-1].encode()
        outputs.append(described + b', "data": ' + data + b"}")
    return json.dumps(head, ensure_ascii=False)[:-1].encode("utf-8", "replace") + b', "outputs": [' + b", ".join(
        outputs) + b"]}\n"


def _described(name: str, dtype: str, shape: Sequence[int | None]) -> dict[str, Any]:
    return {"name": name, "datatype": _NAMES.get(dtype, dtype.upper()),
            "shape": [-1 if size is None else size for size in shape]}
