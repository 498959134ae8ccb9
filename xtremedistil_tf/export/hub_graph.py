"""An ONNX graph with the outputs that pipelines of other programs read: an answer for every piece, starts and ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.texts import flat_steps, tokenizer_spec

ENDS = ("start_logits", "end_logits")
_LOGITS = "logits"
# Far below every logit, and within float16.
_NEVER = -1e4
_SPACE, _BYTE_SPACE = "\u2581", "\u0120"


def pipeline_model(model: onnx.ModelProto, task: Task, tokenizer: Any) -> tuple[onnx.ModelProto, list[str]]:
    """The graph of `export_onnx` with the outputs of pipelines, and the names of its outputs.

    Taggers answer every piece of a word as they do the first, with `B-` turned into `I-`; a type without an `I-` gets
    one, behind the labels. Question answering has `start_logits` and `end_logits`, float32 [batch, time]. Inputs that
    no node reads are left out.

    Args:
        model: what `export_onnx` wrote.
        task: what it answers.
        tokenizer: fast tokenizer of transformers.

    Returns:
        A new model, and its labels.

    Raises:
        ConfigError: the tokenizer's pieces do not tell where words begin.
    """
    graph = _Rewritten(model)
    labels = list(task.labels)
    if task.auto_class == "QuestionAnswering":
        for number, name in enumerate(ENDS):
            graph.add("Gather", [graph.logits, graph.constant(f"{name}_column", np.array(number))], name, axis=2)
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", "time"]) for name in ENDS]
    elif task.auto_class == "TokenClassification":
        labels += [f"I-{label[2:]}" for label in labels if label.startswith("B-") and f"I-{label[2:]}" not in labels]
        graph.answer_every_piece(labels, len(task.labels), *piece_tables(tokenizer))
        outputs = [helper.make_tensor_value_info(_LOGITS, TensorProto.FLOAT, ["batch", "time", len(labels)])]
    else:
        graph.add("Identity", [graph.logits], _LOGITS)
        outputs = [model.graph.output[0]]
    return graph.model(outputs), labels


def piece_tables(tokenizer: Any) -> tuple[np.ndarray, np.ndarray]:
    """bool [ids]: whether a piece continues the word before it; whether it is a special token, which none continues.

    Raises:
        ConfigError: the pieces do not tell.
    """
    spec, size = tokenizer_spec(tokenizer), len(tokenizer)
    pieces = [piece or "" for piece in tokenizer.convert_ids_to_tokens(list(range(size)))]
    special = np.zeros(size, bool)
    special[tokenizer.all_special_ids] = True
    if spec["model"]["type"] == "WordPiece":
        mark = spec["model"]["continuing_subword_prefix"]
        continues = np.array([piece.startswith(mark) for piece in pieces]) & ~special
    else:
        by_bytes = "ByteLevel" in [step["type"] for step in flat_steps(spec["pre_tokenizer"], "pretokenizers")]
        mark = _BYTE_SPACE if by_bytes else _SPACE
        continues = np.array([not piece.startswith(mark) for piece in pieces]) & ~special
        if tokenizer.unk_token_id is not None:  # a character of a word
            continues[tokenizer.unk_token_id], special[tokenizer.unk_token_id] = True, False
        if continues.sum() + special.sum() == size:
            raise ConfigError(f"no subword of this tokenizer begins with {mark!r}, so a file cannot tell where words "
                              "begin. Export another form, such as onnx.")
    return continues, special


class _Rewritten:
    """The nodes of a model, whose logits are called otherwise, and nodes behind them.

    Args:
        model: stays as it is.
    """

    logits = "piece_logits"

    def __init__(self, model: onnx.ModelProto):
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        for node in self._model.graph.node:
            for names in (node.input, node.output):
                names[:] = [self.logits if name == _LOGITS else name for name in names]

    def constant(self, name: str, value: np.ndarray) -> str:
        self._model.graph.initializer.append(numpy_helper.from_array(value, f"hub_{name}"))
        return f"hub_{name}"

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self._model.graph.node.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def model(self, outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """The model with these outputs, without inputs that nothing reads."""
        graph = self._model.graph
        read = {name for node in graph.node for name in node.input}
        inputs = [value for value in graph.input if value.name in read]
        for field, values in ((graph.input, inputs), (graph.output, list(outputs))):
            del field[:]
            field.extend(values)
        del self._model.metadata_props[:]
        return self._model

    def answer_every_piece(self, labels: list[str], given: int, continues: np.ndarray, special: np.ndarray) -> None:
        """Adds `logits`: of the first piece of each word its own, of others those of the first, as continuations.

        Args:
            labels: of the output; `given` of them are the student's.
            continues, special: see `piece_tables`.
        """
        continuing = self._continuing(continues, special)
        here = self._with_never()
        there = self.add("GatherND", [here, self._first_pieces(continuing)], "hub_of_first", batch_dims=1)
        own, begun, carried = _columns(labels, given)
        first = self.add("Gather", [here, self.constant("own", own)], "hub_own_logits", axis=2)
        parts = [self.add("Gather", [there, self.constant(name, columns)], f"hub_{name}_logits", axis=2)
                 for name, columns in (("begun", begun), ("carried", carried))]
        later = self.add("Max", parts, "hub_later")
        where = self.add("Unsqueeze", [continuing, self.constant("last", np.array([2]))], "hub_where")
        self.add("Where", [where, later, first], _LOGITS)

    def _with_never(self) -> str:
        """The logits with a column behind them for what is never the answer."""
        pads = self.constant("pads", np.array([0, 0, 0, 0, 0, 1]))
        return self.add("Pad", [self.logits, pads, self.constant("never", np.array(_NEVER, np.float32))], "hub_padded")

    def _continuing(self, continues: np.ndarray, special: np.ndarray) -> str:
        """bool [batch, time]: a piece that continues a word, and does not stand behind a special token."""
        found = self.add("Gather", [self.constant("continues", continues), "input_ids"], "hub_continues_here")
        special_here = self.add("Gather", [self.constant("special", special.astype(np.int32)), "input_ids"],
                                "hub_special_here")
        # One to the right: the piece before; the first one has none.
        shifted = self.add("Pad", [special_here, self.constant("shift", np.array([0, 1, 0, -1])),
                                   self.constant("begin", np.array(1, np.int32))], "hub_special_before")
        after = self.add("Cast", [shifted], "hub_after_special", to=TensorProto.BOOL)
        return self.add("And", [found, self.add("Not", [after], "hub_not_after")], "hub_continuing")

    def _first_pieces(self, continuing: str) -> str:
        """int64 [batch, time, 1]: where the first piece of each piece's word stands."""
        one, axis = self.constant("one", np.array(1)), self.constant("time", np.array(1))
        later = self.add("Cast", [continuing], "hub_later_number", to=TensorProto.INT64)
        begins = self.add("Sub", [one, later], "hub_begins")
        word = self.add("CumSum", [begins, axis], "hub_word")  # from 1
        ones = self.add("Add", [begins, later], "hub_ones")
        place = self.add("CumSum", [ones, axis], "hub_place", exclusive=1)
        # Slot 0 takes what is no beginning.
        slots = self.add("Pad", [self.add("Sub", [begins, begins], "hub_zeros"),
                                 self.constant("slot", np.array([0, 1, 0, 0]))], "hub_slots")
        slot = self.add("Mul", [word, begins], "hub_slot_of")
        filled = self.add("ScatterElements", [slots, slot, place], "hub_filled", axis=1)
        first = self.add("GatherElements", [filled, word], "hub_first", axis=1)
        return self.add("Unsqueeze", [first, self.constant("third", np.array([2]))], "hub_first_places")


def _columns(labels: list[str], given: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which logit each label has at a first piece; at a later one the greater of two."""
    place = {label: number for number, label in enumerate(labels[:given])}
    own = [place.get(label, given) for label in labels]
    begun = [place[f"B-{label[2:]}"] if label.startswith("I-") and f"B-{label[2:]}" in place else given
             for label in labels]
    carried = [given if label.startswith("B-") else place.get(label, given) for label in labels]
    return np.array(own), np.array(begun), np.array(carried)
