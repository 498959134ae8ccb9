"""Serving the SavedModel of a model directory."""

from __future__ import annotations

import functools
import os
import re
from typing import Any

import tensorflow as tf

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.server.errors import RequestError
from xtremedistil_tf.server.model import Signature, Spec, Tensors

_MOST_QUOTED = 300


def load_signatures(path: str | os.PathLike[str]) -> dict[str, Signature]:
    """The signatures of a SavedModel that `export_saved_model` wrote, by name.

    Raises:
        ModelLoadError: it cannot be read.
        ImportError: tensorflow_text, which raw strings need, is not there.
    """
    import tensorflow_text  # noqa: F401  registers the ops of the raw-string signature

    try:
        model = tf.saved_model.load(os.fspath(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ModelLoadError(f"{path}: the SavedModel cannot be read ({error}). Export the student again, or "
                             "delete the folder: the student itself is then served.") from error
    return {name: _signature(model, function) for name, function in model.signatures.items()}


def _signature(model: Any, function: Any) -> Signature:
    specs = function.structured_input_signature[1]
    return Signature({name: _spec(spec) for name, spec in sorted(specs.items())},
                     {name: _spec(spec) for name, spec in sorted(function.structured_outputs.items())},
                     functools.partial(_call, model, function))


def _call(model: Any, function: Any, inputs: Tensors) -> Tensors:
    """`model` is held because a signature holds it weakly: without it the variables would be gone."""
    try:
        outputs = function(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: values.numpy() for name, values in sorted(outputs.items())}
    except tf.errors.InvalidArgumentError as error:
        raise RequestError(400, f"the model refuses these inputs: {_first_line(error.message)}") from error


def _spec(spec: tf.TensorSpec) -> Spec:
    return Spec(spec.dtype.name, tuple(spec.shape))


def _first_line(message: str) -> str:
    """What is wrong, without the nodes of the graph that TensorFlow lists around it."""
    lines = (line.strip() for line in re.sub(r"\{\{[^}]*\}\}", "", message).splitlines())
    return next((line for line in lines if line and not line.endswith(":")), "no reason given")[:_MOST_QUOTED]
