"""A TensorFlow Lite file for MediaPipe's `TextClassifier`: raw text in, classes out, on Android, iOS, the web, Python."""

from __future__ import annotations

import logging
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.tflite import (
    LABELS,
    VOCABULARY,
    Calibration,
    check_quantization,
    rows_of,
    side_files,
    write_tflite,
)
from xtremedistil_tf.export.tflite_metadata import Enclosed
from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.inference.runtimes import MEDIAPIPE_INPUTS as INPUTS
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.texts import flat_steps, tokenizer_spec

log = logging.getLogger(__name__)
TEXT_CLASSIFIER = "text_classifier"
SCORES = "probability"
_TENSORS = {"ids": "Ids of the subwords, special tokens included.", "segment_ids": "Always 0.",
            "mask": "1 at subwords, 0 at padding.", SCORES: "Of each label."}
_SPECIAL = {"[CLS]": "cls_token", "[SEP]": "sep_token", "[UNK]": "unk_token"}


def export_mediapipe(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task, quantization: str,
                     length: int, calibration: Calibration | None = None, pairs: bool = False) -> pathlib.Path:
    """Writes `<folder>/text_classifier_<quantization>.tflite`.

    Signature `text_classifier`. Inputs `ids`, `segment_ids`, `mask`: int32 [1, length]. Output `probability`: float32
    [1, labels], by softmax, or of multi-label students each label's own. MediaPipe tokenizes with the vocabulary in
    the file and cuts off what is longer.

    Args:
        folder, student, tokenizer, task, quantization, calibration: see `export_tflite`.
        length: pieces of every input, special tokens included.
        pairs: whether the student takes pairs of texts.

    Raises:
        ConfigError: MediaPipe cannot run this student (the reason is told), or see `export_tflite`.
    """
    check_quantization(quantization)
    if reason := why_not(student, tokenizer, task, pairs):
        raise ConfigError(f"`formats=mediapipe`: {reason}. Use tflite, and tokenize in the app.")
    length = min(length, student.max_length or length)
    module = _Classifier(student, task)
    rows = []
    if quantization == "int8":
        rows = [_row(row, length) for row in rows_of(calibration() if calibration else (), list(INPUTS))]
        if not rows:
            raise ConfigError("`quantize=int8`: full int8 for MediaPipe is calibrated on real inputs, but none are "
                              "given. Give `transfer_file` or labelled data, or use `quantize=dynamic`.")
    files = side_files(tokenizer, task, length)
    enclosed = Enclosed(f"{task.kind} student", "Classes of a text.", _TENSORS, {name: files[name] for name in (
        LABELS, VOCABULARY)}, LABELS, VOCABULARY)
    path = pathlib.Path(folder) / f"{TEXT_CLASSIFIER}_{quantization}.tflite"
    return write_tflite(path, module, TEXT_CLASSIFIER, module.traced(length), quantization, rows, enclosed=enclosed)


def why_not(student: Any, tokenizer: Any, task: Task, pairs: bool = False) -> str:
    """Why MediaPipe's `TextClassifier` cannot run a student; empty where it can."""
    if task.kind not in ("classification", "multi_label"):
        return f"MediaPipe has no task for {task.own_words.name}, only classifiers of texts"
    if pairs:
        return "MediaPipe's classifier takes one text, this student takes pairs"
    if isinstance(student, BiLSTMStudent):
        return ("MediaPipe runs models of a single subgraph, and the loop of a BiLSTM is one of its own. A student of "
                "type cnn or transformer can be run")
    return _why_not_tokenizer(tokenizer)


def _why_not_tokenizer(tokenizer: Any) -> str:
    spec = tokenizer_spec(tokenizer)
    if spec["model"]["type"] != "WordPiece":
        return f"MediaPipe has WordPiece alone, this tokenizer is {spec['model']['type']}"
    if spec["model"]["continuing_subword_prefix"] != "##":
        return "MediaPipe marks subwords within words with ##, this vocabulary does not"
    steps = flat_steps(spec["normalizer"], "normalizers")
    if not any(step["type"] == "Lowercase" or step.get("lowercase") for step in steps):
        return "MediaPipe lower-cases every text, and this vocabulary is cased: capitals would be lost"
    for piece, name in _SPECIAL.items():
        if getattr(tokenizer, name) != piece:
            return f"MediaPipe looks for {piece} in the vocabulary, this one has {getattr(tokenizer, name)}"
    if tokenizer.pad_token_id != 0:
        return f"MediaPipe pads with id 0, this vocabulary has {tokenizer.pad_token} at {tokenizer.pad_token_id}"
    return ""


def predictor_of(runtime: Any, tokenizer: Any, task: Task, examples: Sequence[Any]) -> Predictor:
    """What checks a file: a `MediaPipeRuntime` with the student's own tokenizer.

    How many of the examples MediaPipe itself reads otherwise is logged.
    """
    warn_of_other_reading(tokenizer, examples)

    def forward(batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        logs = runtime.forward(batch)["logits"]
        if task.kind == "classification":
            return {"logits": logs}
        return {"logits": logs - np.log1p(-np.minimum(np.exp(logs), 1 - 1e-7))}

    return Predictor(forward, tokenizer, task, runtime.length)


def warn_of_other_reading(tokenizer: Any, examples: Sequence[Any]) -> None:
    """Says how many texts MediaPipe reads otherwise than the tokenizer: it lower-cases ASCII and keeps accents."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    count = sum("".join(normalizer.normalize_str(example.text).split()) != "".join(_read(example.text).split())
                for example in examples)
    if count:
        log.warning("MediaPipe reads %d of %d texts of the dev set otherwise than this student's tokenizer: it keeps "
                    "accents, and capitals that are no ASCII. Words with such letters are unknown to it.", count,
                    len(examples))


def _read(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _row(row: dict[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """An input of any length -> padded to `length`, by MediaPipe's names."""
    found = {name: np.zeros((1, length), np.int32) for name in INPUTS.values()}
    for column, name in INPUTS.items():
        kept = row[column][:, :length]
        found[name][:, :kept.shape[1]] = kept
    return found


class _Classifier(tf.Module):
    """A student that answers one text with probabilities."""

    def __init__(self, student: Any, task: Task):
        super().__init__()
        self.student_variables = student.variables
        self._call = lambda inputs: student(inputs, training=False)["logits"]
        self._probabilities = tf.nn.softmax if task.kind == "classification" else tf.sigmoid

    def traced(self, length: int) -> Any:
        """The traced function: int32 [1, length] by name -> `probability`."""
        specs = {name: tf.TensorSpec([1, length], tf.int32, name) for name in INPUTS.values()}
        return tf.function(self._answer).get_concrete_function(**specs)

    def _answer(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # Padding is cut off instead of masked, see `TrimmedStudent`.
        length = tf.maximum(tf.reduce_sum(inputs["mask"]), 1)
        logits = self._call({column: inputs[name][:, :length] for column, name in INPUTS.items()})
        return {SCORES: self._probabilities(logits)}
