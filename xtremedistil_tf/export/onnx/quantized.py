"""Dynamic int8: weights as 8-bit integers, activations quantised while the model runs."""

from __future__ import annotations

import logging
import pathlib
import tempfile
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Smaller tables, such as those of positions and segments, would save nothing worth an operation.
_SMALLEST_TABLE = 65_536


def quantized_model(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with int8 weights in MatMul, LSTM and large embedding tables, about a quarter of the size.

    Matrices have one scale for each column, and 7 bits only: 8 would overflow 16-bit sums on x86 processors
    without VNNI, which then answer differently. Embedding tables have one scale for each row and 8 bits.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = _with_quantized_tables(model)
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "model.onnx"
        logger, before = logging.getLogger(), logging.getLogger().level
        # It advises, on the root logger, a preparation that changes nothing here.
        logger.setLevel(logging.ERROR)
        try:
            quantize_dynamic(model, target, op_types_to_quantize=["MatMul", "LSTM"], per_channel=True,
                             reduce_range=True, weight_type=QuantType.QInt8)
        finally:
            logger.setLevel(before)
        return _in_order(onnx.load(str(target)))


def _in_order(model: onnx.ModelProto) -> onnx.ModelProto:
    """Sorts the nodes anew: the quantizer's order forgets what the branches of an If read from outside."""
    made = {"", *(value.name for value in (*model.graph.input, *model.graph.initializer))}
    ordered, waiting = [], list(model.graph.node)
    while waiting:
        left = []
        for node in waiting:
            if _read(node) <= made:
                ordered.append(node)
                made.update(node.output)
            else:
                left.append(node)
        if len(left) == len(waiting):
            return model  # a graph that cannot be sorted is refused by the checker
        waiting = left
    del model.graph.node[:]
    model.graph.node.extend(ordered)
    return model


def _read(node: onnx.NodeProto) -> set[str]:
    """Names of the tensors that a node needs, in its branches, too."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            inner = attribute.g
            own = {name for one in inner.node for name in one.output}
            own |= {value.name for value in (*inner.input, *inner.initializer)}
            names |= set().union(*(_read(one) for one in inner.node)) - own
    return names


def _with_quantized_tables(model: onnx.ModelProto) -> onnx.ModelProto:
    """Gather of a large float table -> Gather of int8 rows x Gather of their scales."""
    tables = {tensor.name: tensor for tensor in model.graph.initializer
              if tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= _SMALLEST_TABLE}
    nodes: list[Any] = []
    replaced: dict[str, Any] = {}
    for node in model.graph.node:
        if node.op_type != "Gather" or node.input[0] not in tables or len(tables[node.input[0]].dims) != 2:
            nodes.append(node)
            continue
        table, (output,) = node.input[0], node.output
        replaced.setdefault(table, _quantized_rows(tables[table]))
        # The quantizer calls what it makes of the output of a node <output>_scale and the like.
        nodes += [helper.make_node("Gather", [f"{table}_int8", node.input[1]], [f"{output}_row_int8"]),
                  helper.make_node("Cast", [f"{output}_row_int8"], [f"{output}_row_steps"], to=TensorProto.FLOAT),
                  helper.make_node("Gather", [f"{table}_scale", node.input[1]], [f"{output}_row_scale"]),
                  helper.make_node("Mul", [f"{output}_row_steps", f"{output}_row_scale"], [output])]
    read = {name for node in nodes for name in node.input}
    tensors = [tensor for tensor in model.graph.initializer
               if tensor.name in read or tensor.name not in replaced]
    tensors += [tensor for pair in replaced.values() for tensor in pair]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, tensors)
    found = onnx.ModelProto()
    found.CopyFrom(model)
    found.graph.CopyFrom(graph)
    return found


def _quantized_rows(table: onnx.TensorProto) -> tuple[onnx.TensorProto, onnx.TensorProto]:
    """float32 [rows, width] -> int8 [rows, width] and float32 scales [rows, 1]."""
    values = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(values).max(1, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    steps = np.round(values / scales).astype(np.int8)
    return (numpy_helper.from_array(steps, f"{table.name}_int8"),
            numpy_helper.from_array(scales, f"{table.name}_scale"))
