"""ONNX graphs out of TensorFlow functions, converted by tf2onnx, and int8 weights for any ONNX graph."""

from __future__ import annotations

import logging
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from xtremedistil_tf.onnx_rows import with_own_ranges

#: The newest operator set that both ways to a graph write; ONNX Runtime has had it since 1.13.
OPSET = 17
# Smaller tables, such as those of positions and segments, would save nothing worth an operation.
_SMALLEST_TABLE = 65_536


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

    from xtremedistil_tf.onnx_rewriting import REWRITERS

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


def quantized_model(model: onnx.ModelProto, exact: Sequence[str] = ()) -> onnx.ModelProto:
    """The model with int8 weights in MatMul, LSTM and large embedding tables, about a quarter of the size.

    Matrices have one scale for each column, and 7 bits only: 8 would overflow 16-bit sums on x86 processors
    without VNNI, which then answer differently. Embedding tables have one scale for each row and 8 bits. What a matrix
    is multiplied with has a range for each of its rows, so no answer depends on the other rows of a batch; for LSTMs
    see `onnx_rows.bounded`.

    Args:
        model: in float32.
        exact: names of nodes that are left as they are.
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
                             reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=list(exact))
        finally:
            logger.setLevel(before)
        return _in_order(with_own_ranges(onnx.load(str(target))))


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
