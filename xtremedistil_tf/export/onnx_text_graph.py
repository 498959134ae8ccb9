"""Operators of onnxruntime-extensions before a student's graph, and outputs that people read behind it."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.hub_graph import pipeline_model
from xtremedistil_tf.export.sentencepiece import not_sentencepiece, sentencepiece_model
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.graph.wordpiece import not_as_bert, unsupported
from xtremedistil_tf.tokenization.texts import Frame, tokenizer_spec

log = logging.getLogger(__name__)
DOMAIN = "ai.onnx.contrib"
_LAST = np.iinfo(np.int64).max


@dataclasses.dataclass
class Graph:
    """Nodes and constants; methods that add nodes return the name of the output."""

    nodes: list[onnx.NodeProto] = dataclasses.field(default_factory=list)
    tensors: list[onnx.TensorProto] = dataclasses.field(default_factory=list)

    def constant(self, name: str, value: Any) -> str:
        if not any(tensor.name == f"text_{name}" for tensor in self.tensors):
            array = np.array(value, object) if isinstance(value, list) else np.asarray(value)  # a list: strings
            self.tensors.append(numpy_helper.from_array(array, f"text_{name}"))
        return f"text_{name}"

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def part(self, values: str, begin: int, end: int, output: str) -> str:
        """The values [begin, end) of the first axis."""
        bounds = [self.constant(f"place_{place}", np.array([place], np.int64)) for place in (begin, end, 0)]
        return self.add("Slice", [values, *bounds], output)


def tokenizer_nodes(tokenizer: Any) -> Graph:
    """Nodes from `texts`, string [1], to `body_ids`, int64 [pieces], special tokens left out; of SentencePiece also
    `starts`, int64 [pieces].

    Raises:
        ConfigError: onnxruntime-extensions has no such tokenizer.
    """
    spec = tokenizer_spec(tokenizer)
    unigram = spec.get("model", {}).get("type") == "Unigram"
    reason = not_sentencepiece(spec) if unigram else (
        unsupported(tokenizer, spec) or not_as_bert(spec) or _not_in_lines(spec))
    if reason:
        raise ConfigError("onnx_text: the file holds WordPiece as of BERT or SentencePiece unigram, but the tokenizer "
                          f"is {reason}. Export onnx, whose inputs are ids.")
    graph = Graph()
    (_sentencepiece if unigram else _wordpiece)(graph, spec)
    return graph


def _wordpiece(graph: Graph, spec: dict[str, Any]) -> None:
    model, lowercase = spec["model"], spec["normalizer"]["lowercase"]
    if lowercase:
        log.warning("onnx_text: the tokenizer's operator lower-cases and strips accents in Latin-1 only. Words with "
                    "other capitals or accents, such as those of Polish and Russian, get other subwords than in "
                    "Python. For such text export onnx, whose inputs are ids.")
    pieces = [piece for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    graph.nodes.append(helper.make_node(
        "BertTokenizer", ["texts"], ["bert_ids", "bert_types", "bert_mask"], domain=DOMAIN,
        vocab_file="\n".join(pieces), do_lower_case=int(lowercase), strip_accents=int(lowercase), do_basic_tokenize=1,
        tokenize_chinese_chars=1, suffix_indicator=model["continuing_subword_prefix"], unk_token=model["unk_token"]))
    graph.part("bert_ids", 1, -1, "body_ids")


def _not_in_lines(spec: dict[str, Any]) -> str | None:
    vocabulary = spec["model"]["vocab"]
    if sorted(vocabulary.values()) != list(range(len(vocabulary))) or any("\n" in piece for piece in vocabulary):
        return "one whose vocabulary is no list of lines"
    return None


def _sentencepiece(graph: Graph, spec: dict[str, Any]) -> None:
    settings = [graph.constant(name, value) for name, value in (
        ("nbest", np.array([0], np.int64)), ("alpha", np.array([0], np.float32)), ("no", np.array([False])))]
    graph.nodes.append(helper.make_node(
        "SentencepieceTokenizer", ["texts", *settings[:2], *settings[2:] * 4], ["sp_ids", "sp_texts", "sp_starts"],
        domain=DOMAIN, model=sentencepiece_model(spec)))
    graph.add("Cast", ["sp_ids"], "body_ids", to=TensorProto.INT64)


def text_model(model: onnx.ModelProto, graph: Graph, tokenizer: Any, task: Task,
               max_length: int | None) -> onnx.ModelProto:
    """The student's graph between the tokenizer and readable outputs, see `export_onnx_text`.

    Args:
        model: what `export_onnx` wrote.
        graph: see `tokenizer_nodes`.
        tokenizer: fast tokenizer.
        task: what it answers.
        max_length: most pieces; None: any number.
    """
    properties = {one.key: one.value for one in model.metadata_props}
    inner, labels = pipeline_model(model, task, tokenizer)
    frame = Frame.of(tokenizer, pair=False)
    body = "body_ids" if max_length is None else graph.part("body_ids", 0, max_length - len(frame), "kept_ids")
    first, last = (graph.constant(name, ids.astype(np.int64)) for name, ids in zip(("first", "last"), frame.special))
    graph.add("Concat", [first, body, last], "flat_ids", axis=0)
    graph.add("Unsqueeze", ["flat_ids", graph.constant("place_0", np.array([0], np.int64))], "input_ids")
    graph.add("Sub", ["input_ids", "input_ids"], "token_type_ids")
    graph.add("Add", ["token_type_ids", graph.constant("one", np.array(1, np.int64))], "attention_mask")
    graph.nodes += [_renamed(node) for node in inner.graph.node]
    graph.tensors += inner.graph.initializer
    outputs = _tagger(graph, body, frame, tokenizer, labels) if task.per_piece else _classifier(graph, task)
    made = helper.make_graph(graph.nodes, "text", [helper.make_tensor_value_info("texts", TensorProto.STRING, [1])],
                             outputs, graph.tensors)
    sets = [*inner.opset_import, helper.make_opsetid(DOMAIN, 1)]
    found = helper.make_model(made, opset_imports=sets, ir_version=inner.ir_version,
                              producer_name=model.producer_name, producer_version=model.producer_version)
    helper.set_model_props(found, properties | {"labels": json.dumps(labels, ensure_ascii=False)})
    return found


def _renamed(node: onnx.NodeProto) -> onnx.NodeProto:
    for names in (node.input, node.output):
        names[:] = ["student_logits" if name == "logits" else name for name in names]
    return node


def _tagger(graph: Graph, body: str, frame: Frame, tokenizer: Any, labels: list[str]) -> list[onnx.ValueInfoProto]:
    zero = graph.constant("place_0", np.array([0], np.int64))
    graph.add("Squeeze", ["student_logits", zero], "flat_logits")
    ends = [graph.constant(f"place_{place}", np.array([place], np.int64)) for place in (
        len(frame.special[0]), -len(frame.special[1]) or _LAST)]
    graph.add("Slice", ["flat_logits", *ends, zero], "logits")
    graph.add("ArgMax", ["logits"], "best", axis=1, keepdims=0)
    graph.add("Gather", [graph.constant("labels", labels), "best"], "tags")
    graph.add("Softmax", ["logits"], "shares", axis=1)
    graph.add("ReduceMax", ["shares"], "scores", axes=[1], keepdims=0)
    graph.add("Identity", [body], "ids")
    vocabulary = [piece or "" for piece in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    graph.add("Gather", [graph.constant("vocabulary", vocabulary), "ids"], "pieces")
    outputs = [helper.make_tensor_value_info(name, kind, axes) for name, kind, axes in (
        ("pieces", TensorProto.STRING, ["pieces"]), ("ids", TensorProto.INT64, ["pieces"]),
        ("tags", TensorProto.STRING, ["pieces"]), ("scores", TensorProto.FLOAT, ["pieces"]),
        ("logits", TensorProto.FLOAT, ["pieces", len(labels)]))]
    if any("sp_starts" in node.output for node in graph.nodes):
        graph.add("Cast", ["sp_starts"], "all_starts", to=TensorProto.INT64)
        graph.add("Slice", ["all_starts", zero, graph.add("Shape", ["ids"], "count"), zero], "starts")
        outputs.append(helper.make_tensor_value_info("starts", TensorProto.INT64, ["pieces"]))
    return outputs


def _classifier(graph: Graph, task: Task) -> list[onnx.ValueInfoProto]:
    graph.add("Identity", ["student_logits"], "logits")
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, task.num_outputs])]
    if task.kind == "regression":
        graph.add("Squeeze", ["logits", graph.constant("axis_1", np.array([1], np.int64))], "values")
        return [*outputs, helper.make_tensor_value_info("values", TensorProto.FLOAT, [1])]
    multi = task.kind == "multi_label"
    graph.add(*(("Sigmoid", ["logits"]) if multi else ("Softmax", ["logits"])), "probabilities")
    outputs.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [1, task.num_outputs]))
    if not multi:
        graph.add("ArgMax", ["logits"], "best", axis=1, keepdims=0)
        graph.add("Gather", [graph.constant("labels", list(task.labels)), "best"], "labels")
        outputs.append(helper.make_tensor_value_info("labels", TensorProto.STRING, [1]))
    return outputs
