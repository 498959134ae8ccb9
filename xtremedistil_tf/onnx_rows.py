"""int8 graphs whose answers to a row do not depend on the other rows of its batch.

What ONNX Runtime calls dynamic quantization takes one range over a whole batch, so that a text gets other logits beside
other texts. Here the inputs of a matrix have a range for each of their rows. An LSTM's ranges cannot be given, but they
can be made constant: `bounded` adds values to its inputs and states that are as great as any can be. What reads its
states knows their range.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# More than where sigmoid and tanh are 1 in float32.
_SATURATED = 20.0
#: Units that `bounded` adds in each direction.
MORE_UNITS = 2
# Rounded scales may make an embedding a little greater than it was.
_MARGIN = 1 + 1e-5
_DYNAMIC = "DynamicQuantizeLinear"
#: Of unsigned 8-bit integers that stand for -1 to 1.
STATE_STEP, STATE_MIDDLE = np.float32(1 / 127), np.uint8(128)
# 7 bits: see `quantized_model`.
_WEIGHT_STEPS = 63


def bounded(weights: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights W [2, 4 H, E], R [2, 4 H, H], B [2, 8 H] of an LSTM with two inputs and two units more.

    The new units have all gates open and gather 1 and -1 at every step, so their states are tanh(step) and -tanh(step),
    which no other unit's can exceed. Nothing reads the new inputs, nor the new units.
    """
    kernels, recurrent, biases = weights
    directions, gates, width = kernels.shape
    units = gates // 4
    wide = np.zeros((directions, 4, units + MORE_UNITS, width + 2), np.float32)
    wide[:, :, :units, :width] = kernels.reshape(directions, 4, units, width)
    again = np.zeros((directions, 4, units + MORE_UNITS, units + MORE_UNITS), np.float32)
    again[:, :, :units, :units] = recurrent.reshape(directions, 4, units, units)
    bias = np.zeros((directions, 8, units + MORE_UNITS), np.float32)
    bias[:, :, :units] = biases.reshape(directions, 8, units)
    bias[:, :4, units:] = _SATURATED
    bias[:, 3, -1] = -_SATURATED  # the gates are input, output, forget, cell
    new = units + MORE_UNITS
    return (wide.reshape(directions, 4 * new, width + 2), again.reshape(directions, 4 * new, new),
            bias.reshape(directions, 8 * new))


def greatest(table: np.ndarray) -> np.float32:
    """A bound of all values of an embedding table, in int8, too."""
    return np.float32(np.abs(table).max() * _MARGIN)


def quantized_columns(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [rows, columns] -> int8 [rows, columns] of 7 bits, and float32 [columns], what a step of each is."""
    scales = np.maximum(np.abs(kernel).max(0), np.finfo(np.float32).tiny) / np.float32(_WEIGHT_STEPS)
    return np.round(kernel / scales).astype(np.int8), scales


def with_own_ranges(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a range for each row of the last axis where `quantize_dynamic` took one over a whole batch.

    DynamicQuantizeLinear becomes scale = max |x| / 127 and round(x / scale) + 128; changed in place.
    """
    nodes: list[onnx.NodeProto] = []
    scales = {node.output[1] for node in model.graph.node if node.op_type == _DYNAMIC}
    zero_points = {node.output[2] for node in model.graph.node if node.op_type == _DYNAMIC}
    if not zero_points:
        return model
    products = {node.output[0]: node.input for node in model.graph.node
                if node.op_type == "Mul" and node.input[0] in scales}
    for node in model.graph.node:
        if node.op_type == _DYNAMIC:
            nodes += _own_range(node)
        elif node.op_type == "Mul" and node.input[1] in products:
            nodes += _scaled(node, *products[node.input[1]])
        elif node.output[0] not in products:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    constants = {"row_steps": np.float32(1 / 127), "row_tiny": np.float32(1e-30), "row_middle": np.float32(128),
                 "row_zero_point": np.uint8(128)}
    model.graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in constants.items())
    for node in model.graph.node:
        node.input[:] = ["row_zero_point" if name in zero_points else name for name in node.input]
    return model


def _own_range(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    (values,), (integers, scale, _) = node.input, node.output
    name = f"{integers}_row"  # the same values may be quantized for several matrices
    return [helper.make_node("Abs", [values], [f"{name}_abs"]),
            helper.make_node("ReduceMax", [f"{name}_abs"], [f"{name}_max"], axes=[-1], keepdims=1),
            helper.make_node("Max", [f"{name}_max", "row_tiny"], [f"{name}_positive"]),
            helper.make_node("Mul", [f"{name}_positive", "row_steps"], [scale]),
            helper.make_node("Div", [values, scale], [f"{name}_steps"]),
            helper.make_node("Round", [f"{name}_steps"], [f"{name}_rounded"]),
            helper.make_node("Add", [f"{name}_rounded", "row_middle"], [f"{name}_shifted"]),
            helper.make_node("Cast", [f"{name}_shifted"], [integers], to=TensorProto.UINT8)]


def _scaled(node: onnx.NodeProto, scale: str, of_columns: str) -> list[onnx.NodeProto]:
    """Sums times the scales of columns, then of rows: ONNX Runtime takes a product of both for one of a whole batch."""
    between = f"{node.output[0]}_of_columns"
    return [helper.make_node("Mul", [node.input[0], of_columns], [between]),
            helper.make_node("Mul", [between, scale], [node.output[0]])]
