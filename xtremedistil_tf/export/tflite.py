"""A TensorFlow Lite (LiteRT) file that takes token ids, and what a program needs beside it."""

from __future__ import annotations

import functools
import json
import logging
import os
import pathlib
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.tflite_metadata import Enclosed, with_metadata
from xtremedistil_tf.export.words import WORDS
from xtremedistil_tf.students.bilstm import BiLSTMStudent
from xtremedistil_tf.students.metadata import DECODING
from xtremedistil_tf.students.model_directory import versions
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.texts import Frame, tokenizer_spec
from xtremedistil_tf.tokenization.word_vectors import words_facts
from xtremedistil_tf.tokenization.words import word_form

log = logging.getLogger(__name__)
#: What becomes of the weights: kept; stored as float16; int8 with activations quantised at run time, by their
#: own range; int8 with activations quantised to ranges that were seen in calibration.
QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
TOKEN_IDS = "token_ids"
Calibration = Callable[[], Iterable[dict[str, np.ndarray]]]
LABELS, VOCABULARY, TOKENIZER, MODEL = "labels.txt", "vocab.txt", "tokenizer.json", "model.json"
_TENSORS = {"input_ids": "Ids of the subwords, special tokens included.",
            "attention_mask": "1 at subwords, 0 at padding.", "token_type_ids": "0 in the first text, 1 in the second.",
            "logits": "One for each label; of taggers and answers in a text, for each subword."}
_SPECIAL = ("pad", "unk", "cls", "sep", "mask")


def check_quantization(quantization: str) -> None:
    """Raises ConfigError unless it is one of `QUANTIZATIONS`."""
    if quantization not in QUANTIZATIONS:
        raise ConfigError(f"`quantize={quantization}`: expected one of {', '.join(QUANTIZATIONS)} for "
                          "TensorFlow Lite.")


def write_tflite(path: str | os.PathLike[str], module: tf.Module, name: str, function, quantization: str,
                 rows: Sequence[Mapping[str, np.ndarray]] = (), custom_ops: bool = False,
                 enclosed: Enclosed | None = None) -> pathlib.Path:
    """Converts a function and writes it.

    Args:
        path: file to write.
        module: holds the variables that the function uses.
        name: of the signature.
        function: concrete function with named inputs and a dict of outputs.
        quantization: one of `QUANTIZATIONS`.
        rows: inputs of the function, to calibrate int8 on.
        custom_ops: whether ops that are not built into TensorFlow Lite are let through.
        enclosed: what the file says of itself, and the files in it.

    Raises:
        ConfigError: the function uses an op that TensorFlow Lite lacks.
    """
    path = pathlib.Path(path)
    # Through a SavedModel, as signatures of the converter's other inputs cannot be named.
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={name: function})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[name])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = custom_ops
        if quantization != "none":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if rows:
            converter.representative_dataset = lambda: iter([dict(row) for row in rows])
        content = _converted(converter, path)
    if enclosed is not None:
        content = with_metadata(content, enclosed)
    with atomic_file(path) as part:
        part.write_bytes(content)
    return path


def _converted(converter: tf.lite.TFLiteConverter, path: pathlib.Path) -> bytes:
    from tensorflow.lite.python.convert_phase import ConverterError

    with warnings.catch_warnings():
        # The calibrator itself uses the interpreter whose deprecation it announces.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        try:
            return converter.convert()
        except ConverterError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            missing = [line for line in lines if line.startswith("TF Select ops:")]
            reason = missing[0].replace("TF Select ops:", "it lacks") if missing else lines[0]
            raise ConfigError(f"{path}: this student cannot be converted to TensorFlow Lite: {reason}. Use "
                              "another form, such as onnx or saved_model, or another kind of student."
                              ) from error


def export_tflite(folder: str | os.PathLike[str], student: Any, tokenizer: Any, task: Task, quantization: str,
                  calibration: Calibration | None = None, length: int = 0) -> pathlib.Path:
    """Writes `<folder>/token_ids_<quantization>.tflite`; of one length, `token_ids_<quantization>_<length>.tflite`.

    Signature `token_ids`. Inputs: `input_ids`, `attention_mask` and, but for tagging, `token_type_ids`; int32
    [1, time], time being free, special tokens included, padded on the right if at all. Output: `logits`
    float32 [1, time, outputs], zeros at padding, or [1, outputs] where the task answers whole inputs. The
    answer does not depend on padding. The file holds its labels, its tokenizer and the rest of `side_files`.

    A BiLSTM is not calibrated: with `int8` its weights are int8 and its activations are quantised at run
    time, as with `dynamic`. The converter's calibration cannot run loops (it crashes), and the LSTM op
    without a loop carries its state from one call into the next.

    Args:
        folder: where the file goes.
        student: float32 student.
        tokenizer: its fast tokenizer; None: nothing is put into the file.
        task: what the student answers.
        quantization: `none`, `float16`, `dynamic` (int8 weights), or `int8` (activations as well).
        calibration: for `int8`: gives padded batches of real inputs, int32 [batch, time] by name.
        length: pieces of every input, which the program pads; 0: any number.

    Raises:
        ConfigError: no such quantization, the student takes no input of that length, nothing to calibrate on, or the
            student cannot be converted.
    """
    check_quantization(quantization)
    if length and student.max_length and length > student.max_length:
        raise ConfigError(f"`fixed_length={length}`: this student takes at most {student.max_length} subwords.")
    graph = _trimmed(student, task)
    rows: list[dict[str, np.ndarray]] = []
    if quantization == "int8" and isinstance(student, BiLSTMStudent):
        log.info("TensorFlow Lite: int8 weights, but dynamic-range activations: the loop of an LSTM cannot be "
                 "calibrated")
    elif quantization == "int8":
        rows = list(rows_of(calibration() if calibration else (), graph.names))
        rows = [padded(row, length) for row in rows] if length else rows
        if not rows:
            raise ConfigError("`quantize=int8`: full int8 for TensorFlow Lite is calibrated on real inputs, "
                              "but none are given. Give `transfer_file` or labelled data, or use "
                              "`quantize=dynamic`.")
    path = pathlib.Path(folder) / f"{TOKEN_IDS}_{quantization}{f'_{length}' if length else ''}.tflite"
    enclosed = None
    if tokenizer is not None:
        files = side_files(tokenizer, task, student.max_length)
        enclosed = Enclosed(f"{task.kind} student", "Logits of token ids, see model.json.", _TENSORS, files,
                            LABELS if len(task.labels) == task.num_outputs else "",
                            VOCABULARY if VOCABULARY in files else "")
    return write_tflite(path, graph, TOKEN_IDS, graph.traced(length), quantization, rows, enclosed=enclosed)


def kept_with(student: Any, name: str, wanted: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """The module of the files of all quantizations, kept with the student: tracing takes as long as converting.

    Args:
        student: what the module computes.
        name: under which it is kept.
        wanted: all that decides the module, besides the student.
        make: makes it.
    """
    kept = vars(student)
    if kept.get(name, (None,))[0] != wanted:
        kept[name] = wanted, make()
    return kept[name][1]


def _trimmed(student: Any, task: Task) -> TrimmedStudent:
    """See `kept_with`."""
    wanted = (task.input_names, task.per_piece)
    found: TrimmedStudent = kept_with(student, "_trimmed", wanted, lambda: TrimmedStudent(student, task))
    return found


class TrimmedStudent(tf.Module):
    """A student that answers one input, of which it sees no padding.

    With one input in a batch the padding can be cut off instead of masked. That costs nothing (measured) and
    holds in full int8 too, where the large negative number by which attention masks would, if it is seen in
    calibration, take the whole range from the real values, and if not, be cut to nothing.
    """

    def __init__(self, student: Any, task: Task):
        super().__init__()
        self.names = task.input_names
        self.student_variables = student.variables
        self._per_piece = task.per_piece
        self._traced = functools.cache(self._trace)
        # The masked call: without a mask an LSTM would be converted to the op that keeps its state.
        self._call = lambda inputs: student(inputs, training=False)["logits"]

    def traced(self, length: int = 0) -> Any:
        """The traced function: int32 [1, time] by name -> `logits`; time is `length`, or 0: free."""
        return self._traced(length)

    def _trace(self, length: int) -> Any:
        specs = {name: tf.TensorSpec([1, length or None], tf.int32, name) for name in self.names}
        return tf.function(self._logits).get_concrete_function(**specs)

    def _logits(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        length = tf.maximum(tf.reduce_sum(inputs["attention_mask"]), 1)
        logits = self._call({name: values[:, :length] for name, values in inputs.items()})
        if self._per_piece:
            time = tf.shape(inputs["input_ids"])[1]
            logits = tf.pad(logits, [[0, 0], [0, time - length], [0, 0]])
            # LiteRT's compiled models refuse an output of an op that takes its shape from values, as `pad` does.
            logits = tf.where(inputs["attention_mask"][:, :, None] > 0, logits, 0.0)
        return {"logits": logits}


def rows_of(batches: Iterable[dict[str, np.ndarray]], names: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
    """Single inputs int32 [1, pieces] without padding."""
    for batch in batches:
        columns = {name: np.asarray(batch[name], np.int32) for name in names}
        for row, length in enumerate(columns["attention_mask"].sum(1)):
            yield {name: values[row:row + 1, :max(length, 1)] for name, values in columns.items()}


def padded(row: Mapping[str, np.ndarray], length: int) -> dict[str, np.ndarray]:
    """An input int32 [1, pieces] -> int32 [1, length]: padded with zeros, or cut off."""
    return {name: np.pad(values[:, :length], [(0, 0), (0, max(0, length - values.shape[1]))])
            for name, values in row.items()}


def write_side_files(folder: str | os.PathLike[str], tokenizer: Any, task: Task,
                     max_length: int | None = None) -> None:
    """Writes the files of `side_files`.

    Args:
        folder: where the models are.
        tokenizer, task, max_length: see `side_files`.
    """
    for name, content in side_files(tokenizer, task, max_length).items():
        with atomic_file(pathlib.Path(folder) / name) as part:
            part.write_bytes(content)


def side_files(tokenizer: Any, task: Task, max_length: int | None = None) -> dict[str, bytes]:
    """`labels.txt`, `model.json`, `vocab.txt` for WordPiece or else `tokenizer.json`, and `words.json` for taggers.

    Args:
        tokenizer: the student's fast tokenizer.
        task: what the student answers.
        max_length: most pieces that the student takes, special tokens included; None: any number.
    """
    spec = tokenizer_spec(tokenizer)
    files = {LABELS: _lines(task.labels)}
    wordpiece = spec["model"]["type"] == "WordPiece"
    if wordpiece:
        pieces = {number: piece for piece, number in tokenizer.get_vocab().items()}
        files[VOCABULARY] = _lines([pieces.get(number, "") for number in range(1 + max(pieces))])
    else:
        files[TOKENIZER] = tokenizer.backend_tokenizer.to_str().encode()
    facts = {"type": spec["model"]["type"], "file": VOCABULARY if wordpiece else TOKENIZER,
             "normalizer": _without_tables(spec["normalizer"]),
             "max_characters_per_word": spec["model"].get("max_input_chars_per_word")} | word_form(tokenizer, task)
    special = {name: getattr(tokenizer, f"{name}_token_id") for name in _SPECIAL}
    files[MODEL] = _json({
        "format": 1, "task": {"kind": task.kind, "labels": task.labels, "options": task.options},
        DECODING: task.decoding_facts(),
        "signature": {"name": TOKEN_IDS, "inputs": list(task.input_names), "outputs": ["logits"]},
        "max_length": max_length, "tokenizer": facts, "special_token_ids": special,
        "input_of_text": _frame(tokenizer, False), "input_of_pair": _frame(tokenizer, True),
        "versions": versions()})
    if task.raw_words is not None:
        files[WORDS] = _json(words_facts(task.raw_words))
    return files


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def _json(facts: Any) -> bytes:
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def _frame(tokenizer: Any, pair: bool) -> dict[str, Any]:
    """Special tokens before, between and after the texts, and token types of all."""
    frame = Frame.of(tokenizer, pair)
    return {"special_ids": [ids.tolist() for ids in frame.special],
            "special_types": [types.tolist() for types in frame.special_types],
            "text_types": list(frame.text_types)}


def _without_tables(normalizer: dict[str, Any] | None) -> dict[str, Any] | None:
    """A normalizer's settings; SentencePiece's table of characters is in tokenizer.json."""
    if normalizer is None:
        return None
    kept = {name: value for name, value in normalizer.items() if name != "precompiled_charsmap"}
    if "normalizers" in kept:
        kept["normalizers"] = [_without_tables(step) for step in kept["normalizers"]]
    return kept
