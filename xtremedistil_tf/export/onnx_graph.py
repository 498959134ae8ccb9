"""A student as an ONNX graph, node by node or converted, and whether ONNX Runtime answers with it as the student does.

Converters leave operations out and write graphs that no runtime loads without more than a line in their log,
so nothing is believed that was not run.
"""

from __future__ import annotations

import json
import math
import pathlib

import numpy as np
import onnx
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from xtremedistil_tf import __version__
from xtremedistil_tf.errors import ExportCheckError, ModelLoadError, reason_of
from xtremedistil_tf.export.onnx_files import special_token_ids
from xtremedistil_tf.inference.runtimes import OnnxRuntime
from xtremedistil_tf.onnx_graphs import OPSET, function_model
from xtremedistil_tf.onnx_rows import MORE_UNITS, STATE_MIDDLE, STATE_STEP, bounded, greatest, quantized_columns
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.students.metadata import DECODING
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.words import word_form

#: The newest operator set that both ways to a graph write; ONNX Runtime has had it since 1.13.
LOGITS = "logits"
# What goes with the operator set, so that runtimes as old as that read the file.
_IR_VERSION = 8
# Keras stacks the gates as input, forget, cell, output; ONNX as input, output, forget, cell.
_ONNX_GATES = [0, 3, 1, 2]
_CHECKED_PIECES = 12
# The domain of operators that only it has.
_ONNX_RUNTIME = "com.microsoft"
# Of the largest logit; float32 sums in another order differ by less than 1e-5.
_LOGIT_TOLERANCE = 1e-3


def new_model(task: Task, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
    """A model of nodes that compute `logits` from the inputs of `Task.input_names`.

    Inputs are int64 [batch, time]; the output is float32 [batch, time, outputs], or [batch, outputs] where
    the task answers whole inputs. An input that no node reads, such as a BiLSTM's `token_type_ids`, is
    there all the same: callers need not know the student.

    Args:
        task: what the student answers.
        nodes: in the order in which they can be computed.
        tensors: the constants that they read.
    """
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "time"])
              for name in task.input_names]
    axes = ["batch", "time", task.num_outputs] if task.per_piece else ["batch", task.num_outputs]
    output = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, axes)
    graph = helper.make_graph(nodes, "student", inputs, [output], tensors)
    sets = [helper.make_opsetid(name, version) for name, version in (("", OPSET), (_ONNX_RUNTIME, 1))
            if any(node.domain == name for node in nodes)]
    return helper.make_model(graph, opset_imports=sets, ir_version=_IR_VERSION)


def described(model: onnx.ModelProto, student, tokenizer, task: Task, quantization: str) -> onnx.ModelProto:
    """Puts into a model what a program needs beside the tokenizer to ask it and read its answers.

    Keys of its metadata, all values being strings: `task` (kind of the task), `labels` (JSON list, one for
    each output), `options` (JSON, the task's), `special_token_ids` (JSON, such as {"pad": 0, "cls": 2}),
    `max_length` (most pieces of an input; empty: no limit), `quantization`; and where answers have to be chosen from
    logits `decoding` (JSON, see `Task.decoding_facts`); `spaced_words` (`true`) where the tokenizer wants words with
    the space before them.
    """
    facts = task.decoding_facts()
    # Tools leave notes of their own in these.
    model.producer_name, model.producer_version = "xtremedistil-tf", __version__
    del model.metadata_props[:]
    helper.set_model_props(model, {
        "task": task.kind, "labels": json.dumps(task.labels, ensure_ascii=False),
        "options": json.dumps(task.options), "special_token_ids": json.dumps(special_token_ids(tokenizer)),
        "max_length": str(student.max_length or ""), "quantization": quantization,
        **({DECODING: json.dumps(facts)} if facts else {}),
        **{name: json.dumps(value) for name, value in word_form(tokenizer, task).items()}})
    return model


def bilstm_model(student: BiLSTMStudent, task: Task, fixed_ranges: bool = False) -> onnx.ModelProto:
    """The student's graph, with the inputs and the output of `interface.new_model`.

    Converters turn a masked Keras LSTM into slow loops, or lose the mask. The LSTM operator of ONNX takes
    the length of each row instead and is exact for rows padded on the right; logits of padding differ.

    Args:
        student: float32 student.
        task: what it answers.
        fixed_ranges: whether the LSTM's inputs and states have the same range in every batch, see `onnx_rows`, as int8
            needs it. Then the projection is in int8 already.
    """
    graph = _BilstmGraph()
    states = graph.bilstm(student.embedding.embeddings.numpy(), student.bilstm.get_weights(), student.shape.per_piece,
                          fixed_ranges)
    dense = graph.dense_of_states if fixed_ranges else graph.dense
    representation = graph.gelu(dense(states, "projection", *student.projection.get_weights()))
    kernel, bias = student.head.get_weights()
    graph.dense(representation, "head", kernel, bias, output=LOGITS)
    return new_model(task, graph.nodes, graph.tensors)


class _BilstmGraph:
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

    def bilstm(self, table: np.ndarray, weights: list[np.ndarray], per_piece: bool, fixed_ranges: bool) -> str:
        """States [batch, time, 2 H]; or, not `per_piece`, the last ones of both directions, [batch, 2 H]. With fixed
        ranges each direction has the units of `bounded`, too.

        Args:
            table: embeddings, [vocabulary, E].
            weights: of the Keras layer.
            per_piece, fixed_ranges: see above.
        """
        units, tensors = weights[1].shape[0], _onnx_lstm(weights)
        self.add("ReduceSum", ["attention_mask", self.constant("time_axis", np.array([1]))], "mask_sum",
                 keepdims=0)
        self.add("Cast", ["mask_sum"], "lengths", to=TensorProto.INT32)
        self.add("Transpose", ["input_ids"], "ids_by_time", perm=[1, 0])
        if fixed_ranges:
            units, tensors, read = units + MORE_UNITS, bounded(tensors), self._bounded_embeddings(table)
        else:
            read = self._embeddings(table)
        parameters = [self.constant(f"lstm_{name}", value) for name, value in zip("WRB", tensors)]
        self.nodes.append(helper.make_node("LSTM", [read, *parameters, "lengths"],
                                           ["all_states", "last_states"], name="lstm", hidden_size=units,
                                           direction="bidirectional"))
        if per_piece:  # [time, direction, batch, H]
            self.add("Transpose", ["all_states"], "states_by_row", perm=[2, 0, 1, 3])
        else:  # [direction, batch, H]
            self.add("Transpose", ["last_states"], "states_by_row", perm=[1, 0, 2])
        width = 2 * units
        wanted = self.constant("states_shape", np.array([0, 0, width] if per_piece else [0, width]))  # 0: as it is
        return self.add("Reshape", ["states_by_row", wanted], "states")

    def _embeddings(self, table: np.ndarray) -> str:
        """[time, batch, E]."""
        return self.add("Gather", [self.constant("embedding", table), "ids_by_time"], "embedded")

    def _bounded_embeddings(self, table: np.ndarray) -> str:
        """[time, batch, E + 2]: the bound of all embeddings and its negative as two values more. They are added to
        zeros of the table: `Pad` takes four times as long."""
        bound = greatest(table)
        more = np.zeros(table.shape[1] + 2, np.float32)
        more[-2:] = bound, -bound
        embedded = self._embeddings(np.pad(table, [(0, 0), (0, 2)]))
        return self.add("Add", [embedded, self.constant("bounds", more)], "bounded_embedded")

    def dense(self, inputs: str, name: str, kernel: np.ndarray, bias: np.ndarray, output: str = "") -> str:
        product = self.add("MatMul", [inputs, self.constant(f"{name}_kernel", kernel)], f"{name}_product")
        return self.add("Add", [product, self.constant(f"{name}_bias", bias)], output or f"{name}_output")

    def dense_of_states(self, states: str, name: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """`dense` in int8. States lie between -1 and 1: no range is looked for, which takes longer than the product."""
        forward, backward = (np.pad(part, [(0, MORE_UNITS), (0, 0)]) for part in np.split(kernel, 2))
        steps, scales = quantized_columns(np.concatenate([forward, backward]))
        self.constant("state_step", np.array(STATE_STEP))
        self.constant("state_middle", np.array(STATE_MIDDLE))
        read = self.add("QuantizeLinear", [states, "state_step", "state_middle"], "states_int8")
        weights = [self.constant(f"{name}_{part}", value) for part, value in (
            ("int8", steps), ("scale", scales), ("bias", bias))]
        return self.add("MatMulIntegerToFloat", [read, weights[0], "state_step", weights[1], "state_middle", "",
                                                 weights[2]], f"{name}_output", domain=_ONNX_RUNTIME)

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
    return np.concatenate([gates[gate] for gate in _ONNX_GATES], -1)


def converted_model(student, task: Task) -> tuple[onnx.ModelProto, list[str]]:
    """The student's graph, with the inputs and the output of `interface.new_model`.

    Args:
        student: float32 student.
        task: what it answers.

    Returns:
        The model, and what tf2onnx complained of; it writes a model in any case, a valid one or not.
    """
    names = task.input_names

    def logits(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        inputs = {name: tf.cast(value, tf.int32) for name, value in zip(names, values)}
        return {LOGITS: student(inputs, training=False)["logits"]}

    signature = [tf.TensorSpec([None, None], tf.int64, name) for name in names]
    model, complaints = function_model(tf.function(logits, input_signature=signature))
    return new_model(task, list(model.graph.node), list(model.graph.initializer)), complaints


def check_against(file: pathlib.Path, student, task: Task, pad_id: int, exact: bool) -> None:
    """Compares the logits of a batch of random pieces with rows of different lengths.

    Args:
        file: the ONNX file.
        student: what it was made from.
        task: what that answers.
        pad_id: id of the padding piece.
        exact: whether the logits must be equal; else they need only be finite.

    Raises:
        ExportCheckError: the file is invalid, cannot be run, or answers otherwise.
    """
    batch = _check_batch(student, task, pad_id)
    try:
        onnx.checker.check_model(str(file))
        found = OnnxRuntime(file, threads=1).forward(batch)["logits"]
    except (onnx.checker.ValidationError, ModelLoadError) as error:
        raise ExportCheckError(f"the ONNX graph of this student is not valid ({reason_of(error)}).") from error
    inputs = {name: tf.constant(values, tf.int32) for name, values in batch.items()}
    wanted = student(inputs, training=False)["logits"].numpy()
    if found.shape != wanted.shape:
        raise ExportCheckError(f"its logits have the shape {found.shape}, the student's {wanted.shape}.")
    if task.per_piece:
        found, wanted = (values[batch["attention_mask"] > 0] for values in (found, wanted))
    difference = np.abs(found - wanted).max()
    if not np.isfinite(difference) or (exact and difference > _LOGIT_TOLERANCE * max(1.0, np.abs(wanted).max())):
        raise ExportCheckError(f"its logits differ from the student's by {difference:.3g}.")


def _check_batch(student, task: Task, pad_id: int) -> dict[str, np.ndarray]:
    random, time = np.random.default_rng(0), min(_CHECKED_PIECES, student.max_length or _CHECKED_PIECES)
    mask = (np.arange(time) < np.array([[time], [time // 2], [1]])).astype(np.int32)
    ids = random.integers(0, student.shape.vocab_size, mask.shape, np.int32)
    second = (mask > 0) & (np.arange(time) >= time // 3)
    batch = {"input_ids": np.where(mask, ids, pad_id).astype(np.int32), "attention_mask": mask,
             "token_type_ids": second.astype(np.int32)}
    return {name: batch[name] for name in task.input_names}
