"""A TensorFlow Lite file that takes token ids: built-in ops only."""

from __future__ import annotations

import logging
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.tflite.conversion import check_quantization, write_tflite
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.tasks.task import Task

log = logging.getLogger(__name__)

TOKEN_IDS = "token_ids"
Calibration = Callable[[], Iterable[dict[str, np.ndarray]]]


def export_tflite(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task, quantization: str,
                  calibration: Calibration | None = None) -> pathlib.Path:
    """Writes `<folder>/token_ids_<quantization>.tflite`.

    Signature `token_ids`. Inputs: `input_ids`, `attention_mask` and, but for tagging, `token_type_ids`; int32
    [1, time], time being free, special tokens included, padded on the right if at all. Output: `logits`
    float32 [1, time, outputs], zeros at padding, or [1, outputs] where the task answers whole inputs. The
    answer does not depend on padding.

    A BiLSTM is not calibrated: with `int8` its weights are int8 and its activations are quantised at run
    time, as with `dynamic`. The converter's calibration cannot run loops (it crashes), and the LSTM op
    without a loop carries its state from one call into the next.

    Args:
        folder: where the file goes.
        student: float32 student.
        tokenizer: its fast tokenizer.
        task: what the student answers.
        quantization: `none`, `float16`, `dynamic` (int8 weights), or `int8` (activations as well).
        calibration: for `int8`: gives padded batches of real inputs, int32 [batch, time] by name.

    Raises:
        ConfigError: no such quantization, nothing to calibrate on, or the student cannot be converted.
    """
    check_quantization(quantization)
    graph = TrimmedStudent(student, task)
    rows: list[dict[str, np.ndarray]] = []
    if quantization == "int8" and isinstance(student, BiLSTMStudent):
        log.info("TensorFlow Lite: int8 weights, but dynamic-range activations: the loop of an LSTM cannot be "
                 "calibrated")
    elif quantization == "int8":
        rows = list(_rows(calibration() if calibration else (), graph.names))
        if not rows:
            raise ConfigError("`quantize=int8`: full int8 for TensorFlow Lite is calibrated on real inputs, "
                              "but none are given. Give `transfer_file` or labelled data, or use "
                              "`quantize=dynamic`.")
    path = pathlib.Path(folder) / f"{TOKEN_IDS}_{quantization}.tflite"
    return write_tflite(path, graph, TOKEN_IDS, graph.concrete(), quantization, rows)


class TrimmedStudent(tf.Module):
    """A student that answers one input, of which it sees no padding.

    With one input in a batch the padding can be cut off instead of masked. That costs nothing (measured) and
    holds in full int8 too, where the large negative number by which attention masks would, if it is seen in
    calibration, take the whole range from the real values, and if not, be cut to nothing.
    """

    def __init__(self, student: Any, task: Task):
        super().__init__()
        self.names = input_names(task)
        self.student_variables = student.variables
        self._per_piece = task.per_piece
        # The masked call: without a mask an LSTM would be converted to the op that keeps its state.
        self._call = lambda inputs: student(inputs, training=False)["logits"]

    def concrete(self) -> Any:
        """The traced function: int32 [1, time] by name -> `logits`."""
        specs = {name: tf.TensorSpec([1, None], tf.int32, name) for name in self.names}
        return tf.function(self._logits).get_concrete_function(**specs)

    def _logits(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        length = tf.maximum(tf.reduce_sum(inputs["attention_mask"]), 1)
        logits = self._call({name: values[:, :length] for name, values in inputs.items()})
        if self._per_piece:
            time = tf.shape(inputs["input_ids"])[1]
            logits = tf.pad(logits, [[0, 0], [0, time - length], [0, 0]])
        return {"logits": logits}


def input_names(task: Task) -> tuple[str, ...]:
    """The inputs of a task's students."""
    types = ("token_type_ids",) if "token_type_ids" in task.text_columns else ()
    return ("input_ids", "attention_mask", *types)


def _rows(batches: Iterable[dict[str, np.ndarray]], names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
    """Single inputs int32 [1, pieces] without padding."""
    for batch in batches:
        columns = {name: np.asarray(batch[name], np.int32) for name in names}
        for row, length in enumerate(columns["attention_mask"].sum(1)):
            yield {name: values[row:row + 1, :max(length, 1)] for name, values in columns.items()}
