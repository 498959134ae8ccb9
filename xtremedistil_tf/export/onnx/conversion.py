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
    import tf2onnx
    from xtremedistil_tf.export.onnx.rewriting import REWRITERS

    names = input_names(task)

    def logits(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {name: tf.cast(value, tf.int32) for name, value in zip(names, values)}
        return {LOGITS: student(inputs, training=False)["logits"]}

    signature = [tf.TensorSpec([None, None], tf.int64, name) for name in names]
    with _Complaints() as complaints:
        model, _ = tf2onnx.convert.from_function(tf.function(logits, input_signature=signature), signature,
                                                 opset=OPSET, custom_rewriter=list(REWRITERS))
    return new_model(task, list(model.graph.node), list(model.graph.initializer)), complaints.messages


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
