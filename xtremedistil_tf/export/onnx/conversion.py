"""Any student as an ONNX graph, converted from its TensorFlow graph by tf2onnx."""

from __future__ import annotations

import logging

import onnx
import tensorflow as tf

from xtremedistil_tf.export.onnx.interface import LOGITS, OPSET, input_names, new_model
from xtremedistil_tf.tasks.task import Task


def converted_model(student, task: Task) -> tuple[onnx.ModelProto, list[str]]:
    """The student's graph, with the inputs and the output of `interface.new_model`.

    Args:
        student: float32 student.
        task: what it answers.

    Returns:
        The model, and what tf2onnx complained of; it writes a model in any case, a valid one or not.
    """
    names = input_names(task)

    def logits(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {name: tf.cast(value, tf.int32) for name, value in zip(names, values)}
        return {LOGITS: student(inputs, training=False)["logits"]}

    signature = [tf.TensorSpec([None, None], tf.int64, name) for name in names]
    model, complaints = function_model(tf.function(logits, input_signature=signature))
    return new_model(task, list(model.graph.node), list(model.graph.initializer)), complaints


def function_model(function) -> tuple[onnx.ModelProto, list[str]]:
    """The graph of a `tf.function` as tf2onnx first writes it.

    tf2onnx's own optimizations are left out: ONNX Runtime has the same, and they copy the weights again and again,
    20 GB of them for a table of 250,000 pieces.

    Args:
        function: with an input signature of named tensors; returns a dict of tensors.

    Returns:
        The model, with inputs and outputs by their names, and what tf2onnx complained of.
    """
    import tf2onnx.tf_loader
    import tf2onnx.tfonnx

    from xtremedistil_tf.export.onnx.rewriting import REWRITERS

    traced = function.get_concrete_function()
    inputs = {tensor.name: tensor.name.split(":")[0] for tensor in traced.inputs if tensor.dtype != tf.resource}
    outputs = dict(zip((tensor.name for tensor in traced.outputs), sorted(traced.structured_outputs)))
    with _Complaints() as complaints:
        with tf.device("CPU"):
            frozen = tf2onnx.tf_loader.from_function(traced, list(inputs), list(outputs))
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(frozen, name="")
            converted = tf2onnx.tfonnx.process_tf_graph(
                graph, opset=OPSET, custom_rewriter=list(REWRITERS), input_names=list(inputs),
                output_names=list(outputs), tensors_to_rename=inputs | outputs)
            model = converted.make_model("model")
    return model, complaints.messages


class _Complaints(logging.Handler):
    """Takes what tf2onnx logs as errors, and keeps the rest of its log off the screen."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> _Complaints:
        self._logger = logging.getLogger("tf2onnx")
        self._before = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._before
