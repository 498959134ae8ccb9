"""The BiLSTM student as an ONNX graph, written node by node from its weights."""

from __future__ import annotations

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xtremedistil_tf.export.onnx.interface import LOGITS, new_model
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.tasks.task import Task

# Keras stacks the gates as input, forget, cell, output; ONNX as input, output, forget, cell.
_GATES = [0, 3, 1, 2]


def bilstm_model(student: BiLSTMStudent, task: Task) -> onnx.ModelProto:
    """The student's graph, with the inputs and the output of `interface.new_model`.

    Converters turn a masked Keras LSTM into slow loops, or lose the mask. The LSTM operator of ONNX takes
    the length of each row instead and is exact for rows padded on the right; logits of padding differ.
    """
    graph = _Graph()
    states = graph.bilstm(graph.constant("embedding", student.embedding.embeddings.numpy()),
                          student.bilstm.get_weights(), student.shape.per_piece)
    representation = graph.gelu(graph.dense(states, "projection", *student.projection.get_weights()))
    kernel, bias = student.head.get_weights()
    graph.dense(representation, "head", kernel, bias, output=LOGITS)
    return new_model(task, graph.nodes, graph.tensors)


class _Graph:
    """Nodes and constants; methods that add nodes return the name of their last one's output."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def bilstm(self, table: str, weights: list[np.ndarray], per_piece: bool) -> str:
        """States [batch, time, 2 H]; or, not `per_piece`, the last ones of both directions, [batch, 2 H]."""
        units = weights[1].shape[0]
        self.add("ReduceSum", ["attention_mask", self.constant("time_axis", np.array([1]))], "mask_sum",
                 keepdims=0)
        self.add("Cast", ["mask_sum"], "lengths", to=TensorProto.INT32)
        self.add("Gather", [table, "input_ids"], "embedded")
        self.add("Transpose", ["embedded"], "embedded_by_time", perm=[1, 0, 2])
        parameters = [self.constant(f"lstm_{name}", value) for name, value in zip("WRB", _onnx_lstm(weights))]
        self.nodes.append(helper.make_node("LSTM", ["embedded_by_time", *parameters, "lengths"],
                                           ["all_states", "last_states"], name="lstm", hidden_size=units,
                                           direction="bidirectional"))
        if per_piece:  # [time, direction, batch, H]
            self.add("Transpose", ["all_states"], "states_by_row", perm=[2, 0, 1, 3])
        else:  # [direction, batch, H]
            self.add("Transpose", ["last_states"], "states_by_row", perm=[1, 0, 2])
        shape = [0, 0, 2 * units] if per_piece else [0, 2 * units]  # 0: as it is
        wanted = self.constant("states_shape", np.array(shape))
        return self.add("Reshape", ["states_by_row", wanted], "states")

    def dense(self, inputs: str, name: str, kernel: np.ndarray, bias: np.ndarray, output: str = "") -> str:
        product = self.add("MatMul", [inputs, self.constant(f"{name}_kernel", kernel)], f"{name}_product")
        return self.add("Add", [product, self.constant(f"{name}_bias", bias)], output or f"{name}_output")

    def gelu(self, inputs: str) -> str:
        """Exact GELU in the five nodes that ONNX Runtime fuses into one."""
        for name, value in (("sqrt_2", math.sqrt(2)), ("one", 1.0), ("half", 0.5)):
            self.constant(name, np.array(value, np.float32))
        self.add("Div", [inputs, "sqrt_2"], "gelu_scaled")
        self.add("Erf", ["gelu_scaled"], "gelu_erf")
        self.add("Add", ["gelu_erf", "one"], "gelu_sum")
        self.add("Mul", [inputs, "gelu_sum"], "gelu_double")
        return self.add("Mul", ["gelu_double", "half"], "representation")


def _onnx_lstm(weights: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel [E, 4 H], recurrent kernel [H, 4 H] and bias [4 H] of each direction -> W [2, 4 H, E],
    R [2, 4 H, H] and B [2, 8 H], whose second half is an additional bias that Keras does not have."""
    kernels, recurrent, biases = ([_reordered(weight) for weight in weights[part::3]] for part in range(3))
    return (np.stack([kernel.T for kernel in kernels]), np.stack([kernel.T for kernel in recurrent]),
            np.stack([np.concatenate([bias, np.zeros_like(bias)]) for bias in biases]))


def _reordered(weight: np.ndarray) -> np.ndarray:
    gates = np.split(weight, 4, -1)
    return np.concatenate([gates[gate] for gate in _GATES], -1)
