"""From a traced function to the bytes of a TensorFlow Lite file."""

from __future__ import annotations

import os
import pathlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import ConfigError

#: What becomes of the weights: kept; stored as float16; int8 with activations quantised at run time, by their
#: own range; int8 with activations quantised to ranges that were seen in calibration.
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")


def check_quantization(quantization: str) -> None:
    """Raises ConfigError unless it is one of `QUANTIZATIONS`."""
    if quantization not in QUANTIZATIONS:
        raise ConfigError(f"`quantize={quantization}`: expected one of {', '.join(QUANTIZATIONS)} for "
                          "TensorFlow Lite.")


def write_tflite(path: str | os.PathLike[str], module: tf.Module, name: str, function, quantization: str,
                 rows: Sequence[Mapping[str, np.ndarray]] = (), custom_ops: bool = False) -> pathlib.Path:
    """Converts a function and writes it.

    Args:
        path: file to write.
        module: holds the variables that the function uses.
        name: of the signature.
        function: concrete function with named inputs and a dict of outputs.
        quantization: one of `QUANTIZATIONS`.
        rows: inputs of the function, to calibrate int8 on.
        custom_ops: whether ops that are not built into TensorFlow Lite are let through.

    Raises:
        ConfigError: the function uses an op that TensorFlow Lite lacks.
    """
    path = pathlib.Path(path)
    # Through a SavedModel, as signatures of the converter's other inputs cannot be named.
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={name: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = custom_ops
        if quantization != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if rows:
            converter.representative_dataset = lambda: iter([dict(row) for row in rows])
        content = _converted(converter, path)
    with atomic_file(path) as part:
        part.write_bytes(content)
    return path


def _converted(converter: tf.lite.TFLiteConverter, path: pathlib.Path) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    with warnings.catch_warnings():
        # The calibrator itself uses the interpreter whose deprecation it announces.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        try:
            return converter.convert()
        except ConverterError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            missing = [line for line in lines if line.startswith("TF Select ops:")]
            reason = missing[0].replace("TF Select ops:", "it lacks") if missing else lines[0]
            raise ConfigError(f"{path}: this student cannot be converted to TensorFlow Lite: {reason}. Use "
                              "another form, such as onnx or saved_model, or another kind of student."
                              ) from error
