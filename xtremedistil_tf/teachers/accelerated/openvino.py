"""The teacher in OpenVINO, in bfloat16 where the processor has it."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import MissingExtraError
from xtremedistil_tf.teachers.accelerated.graph import teacher_graph
from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, TeacherSignals

_DEVICE = "CPU"


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
