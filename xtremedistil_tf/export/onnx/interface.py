"""What every exported graph looks like from outside."""

from __future__ import annotations

import json

import onnx
from onnx import TensorProto, helper

from xtremedistil_tf import __version__
from xtremedistil_tf.export.layout import DECODING
from xtremedistil_tf.tasks.task import Task

#: The newest operator set that both ways to a graph write; ONNX Runtime has had it since 1.13.
OPSET = 17
LOGITS = "logits"
# What goes with the operator set, so that runtimes as old as that read the file.
_IR_VERSION = 8


def input_names(task: Task) -> tuple[str, ...]:
    """Names of the inputs: two for tagging, for other tasks also `token_type_ids`."""
    types = ["token_type_ids"] if "token_type_ids" in task.text_columns else []
    return ("input_ids", "attention_mask", *types)


def new_model(task: Task, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
    """A model of nodes that compute `logits` from the inputs of `input_names`.

    Inputs are int64 [batch, time]; the output is float32 [batch, time, outputs], or [batch, outputs] where
    the task answers whole inputs. An input that no node reads, such as a BiLSTM's `token_type_ids`, is
    there all the same: callers need not know the student.

    Args:
        task: what the student answers.
        nodes: in the order in which they can be computed.
        tensors: the constants that they read.
    """
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "time"])
              for name in input_names(task)]
    axes = ["batch", "time", task.num_outputs] if task.per_piece else ["batch", task.num_outputs]
    output = helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, axes)
    graph = helper.make_graph(nodes, "student", inputs, [output], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)


def described(model: onnx.ModelProto, student, tokenizer, task: Task, quantization: str) -> onnx.ModelProto:
    """Puts into a model what a program needs beside the tokenizer to ask it and read its answers.

    Keys of its metadata, all values being strings: `task` (kind of the task), `labels` (JSON list, one for
    each output), `options` (JSON, the task's), `special_token_ids` (JSON, such as {"pad": 0, "cls": 2}),
    `max_length` (most pieces of an input; empty: no limit), `quantization`; and where answers have to be chosen from
    logits `decoding` (JSON, see `Task.decoding_facts`).
    """
    facts = task.decoding_facts()
    special = {name.removesuffix("_token"): tokenizer.convert_tokens_to_ids(token)
               for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    # Tools leave notes of their own in these.
    model.producer_name, model.producer_version = "xtremedistil-tf", __version__
    del model.metadata_props[:]
    helper.set_model_props(model, {
        "task": task.kind, "labels": json.dumps(task.labels, ensure_ascii=False),
        "options": json.dumps(task.options), "special_token_ids": json.dumps(special),
        "max_length": str(student.max_length or ""), "quantization": quantization,
        **({DECODING: json.dumps(facts)} if facts else {})})
    return model
