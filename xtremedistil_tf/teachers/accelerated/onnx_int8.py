"""The teacher in ONNX Runtime, its matrices as 8-bit integers."""

from __future__ import annotations

import importlib.util

import numpy as np

from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.teachers.accelerated.graph import teacher_graph
from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, TeacherSignals

# One protocol buffer takes no more.
_MOST_BYTES = 2**31 - 1


def onnx_int8_forward(teacher: LoadedTeacher, signals: TeacherSignals) -> Forward:
    """The teacher's graph, converted by tf2onnx and quantized dynamically; any batch size and length.

    Args:
        teacher: of TensorFlow.
        signals: what to return.

    Raises:
        ConfigError: a teacher of 2 GB and more.
        MissingExtraError: onnx, onnxruntime or tf2onnx is not installed.
    """
    for package in ("onnx", "onnxruntime", "tf2onnx"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "`teacher_path=onnx_int8`")
    _check_size(teacher)
    from xtremedistil_tf.export.onnx.conversion import function_model
    from xtremedistil_tf.export.onnx.quantized import quantized_model

    # What tf2onnx complains of, ONNX Runtime refuses or the guard sees.
    model, _ = function_model(teacher_graph(teacher, signals))
    session = _session(quantized_model(model).SerializeToString())
    inputs = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]

    def run(batch):
        return dict(zip(outputs, session.run(outputs, {name: np.asarray(batch[name]) for name in inputs})))

    return run


def _check_size(teacher: LoadedTeacher) -> None:
    size = 4 * teacher.parameters
    if size > _MOST_BYTES:
        raise ConfigError(f"`teacher_path=onnx_int8`: the teacher's weights take {size / 1e9:.1f} GB, but "
                          "an ONNX graph holds at most 2 GB. Use `teacher_path=openvino`, bfloat16 or exact.")


def _session(graph: bytes):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    # Threads that wait in a loop for the next operation take the processor from tokenizing and writing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
