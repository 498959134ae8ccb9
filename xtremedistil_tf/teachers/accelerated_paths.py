"""Faster, slightly inexact ways to run a teacher: bfloat16, ONNX Runtime with int8, OpenVINO."""

from __future__ import annotations

import contextlib
import importlib.util
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, TeacherSignals

# One protocol buffer takes no more.
_MOST_BYTES = 2**31 - 1
_DEVICE = "CPU"


def teacher_graph(teacher: LoadedTeacher, signals: TeacherSignals) -> Any:
    """A tf.function of the teacher's inputs, in order.

    Inputs are `input_ids`, `attention_mask` and, where the task has them, `token_type_ids`, int32 [batch,
    time]; the outputs are those of `LoadedTeacher.forward`.

    Args:
        teacher: of TensorFlow.
        signals: what to return.
    """
    names = teacher.task.input_names
    specs = [tf.TensorSpec([None, None], tf.int32, name) for name in names]
    forward = teacher.forward(signals.hidden, signals.attentions, signals.relations)

    def answers(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(forward(dict(zip(names, values))))

    return tf.function(answers, input_signature=specs)


def bfloat16_forward(teacher: LoadedTeacher, signals: TeacherSignals) -> Forward:
    """The teacher with bfloat16 on processors where oneDNN has it, and float16 on GPUs, the only 16 bits into
    which TensorFlow rewrites graphs there. Weights stay float32, and what is sensitive is computed in it.

    Args:
        teacher: of TensorFlow.
        signals: what to return.
    """
    forward = teacher.forward(signals.hidden, signals.attentions, signals.relations)
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    option = "auto_mixed_precision" if on_gpu else "auto_mixed_precision_onednn_bfloat16"

    def run(batch):
        with _rewriting(option):
            return forward(batch)

    return run


@contextlib.contextmanager
def _rewriting(option: str) -> Iterator[None]:
    """Graphs run inside are rewritten; the option is the whole process's, so that it is taken back after."""
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})


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
    from xtremedistil_tf.onnx_graphs import function_model, quantized_model

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


def openvino_forward(teacher: LoadedTeacher, signals: TeacherSignals) -> Forward:
    """The teacher's graph, read and compiled by OpenVINO; any batch size and length.

    Args:
        teacher: of TensorFlow.
        signals: what to return.

    Raises:
        MissingExtraError: openvino is not installed.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtraError("openvino", "openvino", "`teacher_path=openvino`") from error
    core = openvino.Core()
    has_bfloat16 = "BF16" in core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    # Not `openvino.convert_model`, which reports to its makers over the network without being asked.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        _save(teacher, signals, folder)
        model = core.compile_model(core.read_model(folder), _DEVICE,
                                   {"INFERENCE_PRECISION_HINT": "bf16" if has_bfloat16 else "f32"})
    inputs, outputs = ([value.any_name for value in values] for values in (model.inputs, model.outputs))

    def run(batch):
        found = model({name: np.asarray(batch[name]) for name in inputs})
        return {name: found[name] for name in outputs}

    return run


def _save(teacher: Any, signals: TeacherSignals, folder: str) -> None:
    """Writes a SavedModel, the form that OpenVINO reads by itself and that holds more than 2 GB."""
    module = tf.Module()
    module.kept = teacher.variables
    tf.saved_model.save(module, folder, teacher_graph(teacher, signals).get_concrete_function())
