"""A TensorFlow Lite file that takes raw strings, by tensorflow-text's ops."""

from __future__ import annotations

import logging
import os
import pathlib
from typing import Any

import tensorflow as tf

from xtremedistil_tf.export.signatures.lite import LitePieces
from xtremedistil_tf.export.tflite.conversion import check_quantization, write_tflite
from xtremedistil_tf.export.tflite.token_ids import input_names
from xtremedistil_tf.export.tflite.tokenizer_graphs import tokenizer_graph
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.frame import Frame

log = logging.getLogger(__name__)

RAW_STRINGS = "raw_strings"


def export_raw_string_tflite(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task,
                             quantization: str, pairs: bool = False) -> pathlib.Path | None:
    """Writes `<folder>/raw_strings_<quantization>.tflite`, where the tokenizer can be in it.

    Signature `raw_strings`, for one text at a time. Inputs, string [1], UTF-8, cleaned as docs/mobile.md
    says: `texts`; of pairs also `pairs`; of question answering `questions` and `contexts`. Outputs:

    - tagging: for each piece, special tokens left out, `label_ids` int32, `scores` float32 (the label's
      probability by the softmax of the piece), `word_starts` int32 (1 at the first piece of each white-space word,
      which answers for it), and, but for SentencePiece, `starts` and `ends` int32. The words' labels are decoded,
      see `best_sequences`; their other pieces repeat them (decoded by argmax: have one of their own);
    - classification: `probabilities` float32 [1, classes];
    - regression: `scores` float32 [1];
    - question answering: for each piece of the context `start_logits` and `end_logits` float32, `starts` and
      `ends` int32; and `no_answer_scores` float32 [1].

    `starts` and `ends` count bytes of the text's UTF-8. What does not fit into the student is cut off: there
    are no windows. The program must link tensorflow-text's kernels for TensorFlow Lite.

    Args:
        folder, student, tokenizer, task: see `export_tflite`.
        quantization: `none`, `float16` or `dynamic`.
        pairs: whether a classification or regression takes pairs of texts.

    Returns:
        The file; None, with the reason logged, where there cannot be one.

    Raises:
        ConfigError: no such quantization, or the student cannot be converted or is too short.
    """
    check_quantization(quantization)
    graph, reason = tokenizer_graph(tokenizer)
    if graph is None:
        reason = f"the tokenizer is {reason}"
    elif quantization == "int8":
        reason = "strings are not calibrated; dynamic has int8 weights too"
    elif task.module("signatures").LITE.needs_offsets and not graph.has_offsets:
        reason = "SentencePiece does not tell where in the context an answer stands"
    if reason:
        log.info("TensorFlow Lite: no file for raw strings with `quantize=%s`: %s", quantization, reason)
        return None
    module = RawStrings(student, tokenizer, task, graph, pairs)
    path = pathlib.Path(folder) / f"{RAW_STRINGS}_{quantization}.tflite"
    return write_tflite(path, module, RAW_STRINGS, module.concrete(), quantization, custom_ops=True)


class RawStrings(tf.Module):
    """Tokenizer and student in one graph; see `export_raw_string_tflite`."""

    def __init__(self, student: Any, tokenizer: Any, task: Task, graph: Any, pairs: bool):
        super().__init__()
        self._answers = task.module("signatures").LITE(task)
        self._texts = self._answers.inputs(pairs)
        self._names, self._graph = input_names(task), graph
        self.student_variables = student.variables
        self._call = lambda inputs: student(inputs, training=False)["logits"][0]
        self._frame = Frame.of(tokenizer, pair=len(self._texts) > 1)
        self._no_answer_at = self._frame.position(tokenizer.cls_token_id, 0, 0)
        self._room = None if student.max_length is None else self._frame.room(student.max_length)

    def concrete(self) -> Any:
        """The traced function: string [1] by name -> the outputs of the task."""
        specs = {name: tf.TensorSpec([1], tf.string, name) for name in self._texts}
        return tf.function(self._answer).get_concrete_function(**specs)

    def _answer(self, **texts: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces = [self._graph.pieces(texts[name]) for name in self._texts]
        if self._room is not None:
            pieces = [part.cut(count) for part, count in zip(pieces, self._kept(pieces))]
        logits = self._logits(*(part.ids for part in pieces))
        return self._answers.answers(
            logits, LitePieces(pieces, self._frame, self._no_answer_at, self._graph.has_offsets))

    def _kept(self, pieces: Any) -> list[tf.Tensor]:
        """How many pieces of each text are kept."""
        if len(pieces) == 1:
            return [self._room]
        return self._answers.kept(*(tf.size(part.ids) for part in pieces), self._room)

    def _logits(self, *texts: tf.Tensor) -> tf.Tensor:
        """int32 [pieces] of each text -> float32 [time, outputs] or [outputs]."""
        ids, types = [self._frame.special[0]], [self._frame.special_types[0]]
        for number, text in enumerate(texts):
            ids += [text, self._frame.special[number + 1]]
            types += [tf.fill(tf.shape(text), self._frame.text_types[number]),
                      self._frame.special_types[number + 1]]
        ids = tf.concat(ids, 0)[None]
        inputs = {"input_ids": ids, "attention_mask": tf.ones_like(ids),
                  "token_type_ids": tf.concat(types, 0)[None]}
        return self._call({name: inputs[name] for name in self._names})
