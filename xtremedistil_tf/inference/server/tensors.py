"""Tensors as JSON, as TensorFlow Serving's REST API writes and reads them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.inference.server.model import RequestError, ServedSignature, Spec, Tensors

_NAMES = {"float32": "DT_FLOAT", "float64": "DT_DOUBLE"}
# Values that are written at once, a few milliseconds' work.
_PART = 4096
_WANTED = {"string": "strings", "int32": "whole numbers of 32 bits"}


def read_inputs(request: Mapping[str, Any], signature: ServedSignature) -> Tensors:
    """The inputs of a request in row format ("instances") or column format ("inputs").

    Raises:
        RequestError: 400, what is wrong with it.
    """
    if ("instances" in request) == ("inputs" in request):
        raise RequestError(400, 'expected one of "instances" (rows) and "inputs" (columns)')
    columns = (_rows(request["instances"], signature) if "instances" in request
               else _columns(request["inputs"], signature))
    _check_names(columns, signature, "the inputs")
    tensors = {name: tensor(values, signature.inputs[name], name) for name, values in columns.items()}
    if len({len(values) for values in tensors.values()}) > 1:
        found = ", ".join(f"{len(values)} `{name}`" for name, values in tensors.items())
        raise RequestError(400, f"expected as many of one input as of the other, found {found}")
    return tensors


def _rows(instances: Any, signature: ServedSignature) -> dict[str, list[Any]]:
    if not isinstance(instances, list) or not instances:
        raise RequestError(400, '"instances": expected a list with at least one value, found '
                                f"{_shown(instances)}")
    named = _is_named(instances[0])
    if not named:
        if any(map(_is_named, instances)):
            raise RequestError(400, '"instances": expected values only or objects only, found both')
        return {_only_input(signature): instances}
    names = instances[0].keys()
    for number, row in enumerate(instances):
        if not _is_named(row):
            raise RequestError(400, '"instances": expected values only or objects only, found both')
        _check_names(row, signature, f"instance {number}")
        if row.keys() != names:
            raise RequestError(400, f"instance {number}: expected the inputs of instance 0")
    return {name: [row[name] for row in instances] for name in names}


def _columns(inputs: Any, signature: ServedSignature) -> dict[str, Any]:
    return inputs if _is_named(inputs) else {_only_input(signature): inputs}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not _is_base64(value)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _only_input(signature: ServedSignature) -> str:
    required = [name for name in signature.inputs if name not in signature.optional]
    if len(required) > 1:
        raise RequestError(400, f"expected an object with the inputs {_listed(required)}")
    return required[0]


def _check_names(given: Mapping[str, Any], signature: ServedSignature, where: str) -> None:
    missing = [name for name in signature.inputs if name not in given and name not in signature.optional]
    unknown = [name for name in given if name not in signature.inputs]
    if missing or unknown:
        wrong = f"{_listed(missing)} is missing" if missing else f"there is no input {_shown(unknown[0])}"
        raise RequestError(400, f"{where}: {wrong}; the signature takes {_listed(signature.inputs)}")


def tensor(value: Any, spec: Spec, name: str) -> np.ndarray:
    """A value or nested list as an array of a spec's type and number of dimensions; strings as UTF-8 bytes.

    Raises:
        RequestError: 400, not of that type, not of that depth, or lists of unequal lengths.
    """
    rank = len(spec.shape)
    shape = _shape(value, rank)
    leaves: list[Any] = []
    try:
        _flatten(value, shape, _READERS[spec.dtype], leaves)
    except ValueError as error:
        wanted = "list of " * rank + _WANTED[spec.dtype]
        raise RequestError(400, f"input `{name}`: expected a {wanted}; {error}") from error
    return np.array(leaves, object if spec.dtype == "string" else spec.dtype).reshape(shape)


def _shape(value: Any, rank: int) -> list[int]:
    """Lengths of the first lists of each depth, 0 below an empty one."""
    shape = []
    for _ in range(rank):
        shape.append(len(value) if isinstance(value, list) else 0)
        value = value[0] if isinstance(value, list) and value else []
    return shape


def _flatten(value: Any, shape: list[int], read: Callable[[Any], Any], leaves: list[Any]) -> None:
    if not shape:
        leaves.append(read(value))
        return
    if not isinstance(value, list):
        raise ValueError(f"found {_shown(value)} in place of a list")
    if len(value) != shape[0]:
        raise ValueError(f"found lists of {shape[0]} and of {len(value)}")
    for item in value:
        _flatten(item, shape[1:], read, leaves)


def _string(value: Any) -> bytes:
    if _is_base64(value):
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"not valid base64 ({error})") from error
    if not isinstance(value, str):
        raise ValueError(f"found {_shown(value)}")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("found half of a surrogate pair") from error


def _int32(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -2 ** 31 <= value < 2 ** 31:
        raise ValueError(f"found {_shown(value)}")
    return value


_READERS = {"string": _string, "int32": _int32}


def encoded(values: Any) -> bytes:
    """An array or a single value as JSON, a part at a time: writing a long list at once would stop all other threads.

    Strings are UTF-8 bytes; float32 has its own shortest decimals: 0.1, not 0.10000000149.
    """
    if not isinstance(values, np.ndarray) or not values.ndim:
        return _part(np.asarray(values, object if isinstance(values, bytes) else None).reshape(1))[1:-1]
    if values.ndim > 1:
        return b"[" + b", ".join(map(encoded, values)) + b"]"
    parts = (_part(values[at:at + _PART])[1:-1] for at in range(0, len(values), _PART))
    return b"[" + b", ".join(parts) + b"]"


def _part(values: np.ndarray) -> bytes:
    if values.dtype == object:
        plain = [value.decode("utf-8", "replace") for value in values]
    else:
        plain = (values.astype(str).astype(np.float64) if values.dtype == np.float32 else values).tolist()
    # NaN is written, as the models may answer it.
    return json.dumps(plain, ensure_ascii=False).encode("utf-8", "replace")


def joined_rows(rows: Sequence[Mapping[str, bytes]]) -> bytes:
    """A list of rows, each an object; the value alone where there is one output only."""
    return b"[" + b", ".join(_object(row) if len(row) > 1 else next(iter(row.values())) for row in rows) + b"]"


def joined_columns(rows: Sequence[Mapping[str, bytes]], names: Iterable[str]) -> bytes:
    """An object of the outputs' lists; the list alone where there is one output only."""
    columns = {name: b"[" + b", ".join(row[name] for row in rows) + b"]" for name in names}
    return _object(columns) if len(columns) > 1 else next(iter(columns.values()))


def _object(fields: Mapping[str, bytes]) -> bytes:
    return b"{" + b", ".join(b"%s: %s" % (json.dumps(name).encode(), value) for name, value in fields.items()) + b"}"


def check_ids(inputs: Tensors, signature: ServedSignature) -> None:
    """Raises RequestError 400 where ids are not the model's, or inputs of ids differ in width."""
    if not signature.takes_texts:
        shapes = {name: values.shape for name, values in inputs.items()}
        if len(set(shapes.values())) > 1:
            found = ", ".join(f"`{name}` {list(shape)}" for name, shape in shapes.items())
            raise RequestError(400, f"expected inputs of one shape, found {found}")
    for name, size in signature.sizes.items():
        wrong = np.argwhere((inputs[name] < 0) | (inputs[name] >= size))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise RequestError(400, f"input `{name}`: id {inputs[name][row, column]} in row {row}, column {column}; "
                                    f"expected 0 to {size - 1}")
    mask = inputs.get("attention_mask")
    if mask is not None and not np.isin(mask, (0, 1)).all():
        raise RequestError(400, "input `attention_mask`: expected 0 and 1 only")


def specs_as_json(specs: Mapping[str, Spec]) -> dict[str, Any]:
    """Inputs or outputs of a signature as the metadata describes them."""
    return {name: {"dtype": _NAMES.get(spec.dtype, f"DT_{spec.dtype.upper()}"),
                   "tensor_shape": {"dim": [{"size": str(-1 if size is None else size), "name": ""}
                                            for size in spec.shape], "unknown_rank": False},
                   "name": name} for name, spec in specs.items()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _shown(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", type(None): "null"}
    if type(value) in kinds:
        return "an empty list" if value == [] else kinds[type(value)]
    text = str(value) if isinstance(value, (bool, float, int)) else repr(value)
    return text.lower() if isinstance(value, bool) else text if len(text) < 60 else f"{text[:57]}..."
