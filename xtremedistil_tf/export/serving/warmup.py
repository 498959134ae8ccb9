"""Requests that TensorFlow Serving replays when it loads a model, lest users wait for the first answers."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.export.serving.requests import text_inputs

WARMUP_FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
# The server refuses a model with more than 1000 records; a batch as large as this shows it all that matters.
_MAX_TEXTS = 32
# Shorter than any student takes. A graph is not compiled for shapes or values: these need not be real.
_PIECES = 8


def write_warmup(version: pathlib.Path, source: pathlib.Path, name: str,
                 examples: Sequence[AnyExample]) -> dict[str, tuple[str, ...]]:
    """Writes `assets.extra/tf_serving_warmup_requests`: one text and a batch for each signature.

    Each request is answered here first: one that fails would keep the server from loading the model.

    Args:
        version: where the file goes: a copy of `source`.
        source: folder of the SavedModel.
        name: of the model, in the requests.
        examples: texts as users will send them, at least one; the first 32 are taken. They stay readable in
            the file.

    Returns:
        The names of the inputs of every signature.

    Raises:
        ModelLoadError: the SavedModel cannot be loaded, or does not answer.
        ConfigError: no example.
        MissingExtraError: tensorflow-serving-api is not installed.
    """
    import tensorflow as tf

    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError as error:
        raise MissingExtraError("tensorflow-serving-api", "serving",
                                "Export for TensorFlow Serving") from error
    if not examples:
        raise ConfigError(f"{source}: no texts for the warm-up requests, expected a few as users will "
                          "send them.")
    model = _load(source)
    (version / WARMUP_FILE).parent.mkdir(exist_ok=True)
    specs = {signature: function.structured_input_signature[1]
             for signature, function in model.signatures.items()}
    with tf.io.TFRecordWriter(str(version / WARMUP_FILE)) as writer:
        for signature, inputs in specs.items():
            for values in _inputs(inputs, examples):
                _check(source, signature, model.signatures[signature], values)
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name, request.model_spec.signature_name = name, signature
                for column, value in values.items():
                    request.inputs[column].CopyFrom(tf.make_tensor_proto(value))
                writer.write(log.SerializeToString())
    return {signature: tuple(inputs) for signature, inputs in specs.items()}


def _inputs(specs: Mapping[str, Any], examples: Sequence[AnyExample]) -> Iterator[dict[str, Any]]:
    """Tensors for one text, then for a batch."""
    import tensorflow as tf

    values: Mapping[str, Any]
    for count in (1, min(len(examples), _MAX_TEXTS)):
        if "input_ids" in specs:
            values = {name: np.full([count, _PIECES], name != "token_type_ids") for name in specs}
        else:
            values = text_inputs(examples[:count], tuple(specs))
        yield {name: tf.constant(value, specs[name].dtype) for name, value in values.items()}


def _load(source: pathlib.Path) -> Any:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  registers the ops of the signatures that take texts

    try:
        return tf.saved_model.load(str(source))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ModelLoadError(f"{source}: not a SavedModel that can be loaded ({_line(error)}). Export it "
                             "again.") from error


def _check(source: pathlib.Path, signature: str, function: Any, values: Mapping[str, Any]) -> None:
    import tensorflow as tf

    try:
        function(**values)
    except tf.errors.OpError as error:
        raise ModelLoadError(f"{source}: signature {signature} does not answer its warm-up request "
                             f"({_line(error)}). Export the student again.") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
