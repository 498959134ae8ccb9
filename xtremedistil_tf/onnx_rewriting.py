"""Turning what TensorFlow breaks into small operations back into what ONNX has whole.

Each function rewrites a graph of tf2onnx before its operations are converted. Without the second, tf2onnx
writes a file that no runtime loads, as it has no Erfc; without the last, DeBERTa answers NaN; the others make
the graph smaller and faster, as ONNX Runtime does not recognise these operations in the form that tf2onnx
gives them.
"""

from __future__ import annotations

import math

import numpy as np
from tf2onnx.graph_matcher import GraphMatcher, OpTypePattern


def rewrite_layer_normalization(graph, nodes):
    """`tf_keras.layers.LayerNormalization` over the last axis -> LayerNormalization."""
    mean = _op("Mean", _any("input"), _constant("mean_axes"), name="mean")
    variance = _op("Mean", _op("SquaredDifference", _any("other_input"), _op("StopGradient", mean)),
                   _constant("variance_axes"))
    factor = _op("Mul", _op("Rsqrt", _op("AddV2", variance, _constant("epsilon"))), _any("gamma"))
    pattern = _op("AddV2", _op("Mul", _any("scaled_input"), factor),
                  _op("Sub", _any("beta"), _op("Mul", _op("Mean", name="other_mean"), factor)), name="output")
    for match in _matches(pattern, nodes):
        data = match.get_tensor("input")
        same = {data, match.get_tensor("scaled_input"), match.get_tensor("other_input")} == {data}
        last = {-1, len(graph.get_shape(data) or ()) - 1}
        over_last = all(set(_value(match, name).ravel()) <= last for name in ("mean_axes", "variance_axes"))
        if same and over_last and match.get_op("mean") is match.get_op("other_mean"):
            _replace(graph, match, "LayerNormalization", [data, *map(match.get_tensor, ("gamma", "beta"))],
                     axis=-1, epsilon=float(_value(match, "epsilon")))
    return graph.get_nodes()


def rewrite_gelu(graph, nodes):
    """Exact `tf.nn.gelu`, which is 0.5 x erfc(-x / sqrt 2), -> 0.5 x (1 + erf(x / sqrt 2))."""
    scaled = _op("Mul", _op("Neg", _any("input")), _constant("scale"))
    pattern = _op("Mul", _op("Mul", _constant("half"), _any("other_input")), _op("Erfc", scaled),
                  name="output")
    for match in _matches(pattern, nodes):
        data, scope = match.get_tensor("input"), match.get_op("output").name
        values = float(_value(match, "scale")), float(_value(match, "half"))
        if data == match.get_tensor("other_input") and np.allclose(values, (math.sqrt(0.5), 0.5)):
            root, one, half = (graph.make_const(f"{scope}/{name}", np.array(value, np.float32)).output[0]
                               for name, value in (("root", math.sqrt(2)), ("one", 1.0), ("half", 0.5)))
            inner = _new(graph, "Erf", [_new(graph, "Div", [data, root], data)], data)
            double = _new(graph, "Mul", [data, _new(graph, "Add", [inner, one], data)], data)
            _replace(graph, match, "Mul", [double, half])
    return graph.get_nodes()


def rewrite_dense(graph, nodes):
    """`tf_keras.layers.Dense` on [batch, time, width], which flattens and restores -> one MatMul."""
    pattern = _op("Reshape", _op("MatMul", _op("Reshape", _any("input"), _any("flat_shape")),
                                 _constant("kernel"), name="product"), _any("shape"), name="output")
    for match in _matches(pattern, nodes):
        data, product = match.get_tensor("input"), match.get_op("product")
        flags = [product.get_attr_value(name) for name in ("transpose_a", "transpose_b")]
        # Keras calls tf.tensordot here, which names its last operation so: other reshapings do not restore.
        if match.get_op("output").name.endswith("/Tensordot") and not any(flags):
            kernel = match.get_tensor("kernel")
            if (graph.get_shape(data) or [0])[-1] == graph.get_shape(kernel)[0]:
                _replace(graph, match, "MatMul", [data, kernel])
    return graph.get_nodes()


def keep_selection(graph, nodes):
    """`tf.where` -> Where; tf2onnx would often multiply by 0 and 1, which is NaN for what is not finite."""
    for node in nodes:
        if node.type == "SelectV2":
            node.set_attr("handles_nan", True)
    return nodes


REWRITERS = (rewrite_layer_normalization, rewrite_gelu, rewrite_dense, keep_selection)


def _op(kind: str, *inputs: OpTypePattern, name: str | None = None) -> OpTypePattern:
    return OpTypePattern(kind, name=name, inputs=list(inputs))


def _any(name: str) -> OpTypePattern:
    return OpTypePattern("*", name=name)


def _constant(name: str) -> OpTypePattern:
    return OpTypePattern("Const", name=name)


def _matches(pattern: OpTypePattern, nodes) -> list:
    return list(GraphMatcher(pattern).match_ops(nodes))


def _value(match, name: str) -> np.ndarray:
    return np.asarray(match.get_op(name).get_tensor_value(as_list=False))


def _new(graph, kind: str, inputs: list[str], like: str, **attributes) -> str:
    """The output of a new ONNX node whose result has the shape and type of another."""
    return graph.make_node(kind, inputs, attr=attributes, shapes=[graph.get_shape(like)],
                           dtypes=[graph.get_dtype(like)]).output[0]


def _replace(graph, match, kind: str, inputs: list[str], **attributes) -> None:
    """Puts a new ONNX node in the place of what was matched."""
    old = match.get_op("output").output[0]
    graph.replace_all_inputs(old, _new(graph, kind, inputs, old, **attributes))
