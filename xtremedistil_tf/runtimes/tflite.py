"""Running a TensorFlow Lite file's `token_ids` signature."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.errors import ModelLoadError


class TFLiteRuntime:
    """A file of `export_tflite`, run by LiteRT (package ai-edge-litert), or by TensorFlow where that is
    missing.

    Args:
        path: the file.
        threads: most threads; None: as many as the interpreter likes.

    Raises:
        ModelLoadError: there is none, or it has no `token_ids` signature.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None):
        self._path = path
        try:
            self._interpreter = _interpreter(str(path), threads)
            signatures = self._interpreter.get_signature_list()
        except (ValueError, RuntimeError) as error:
            raise ModelLoadError(f"{path}: not a TensorFlow Lite file ({error}). Export the student "
                                 "again.") from error
        if "token_ids" not in signatures:
            names = ", ".join(signatures) or "none"
            raise ModelLoadError(f"{path}: has no signature token_ids, only {names}. Give one of the "
                                 "token_ids_*.tflite files that the export writes.")
        self._names = signatures["token_ids"]["inputs"]
        self._signature = self._interpreter.get_signature_runner("token_ids")

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        columns = {name: np.asarray(batch[name], np.int32) for name in self._names}
        count, time = columns["input_ids"].shape
        # The file takes one input at a time; without its padding it is answered sooner.
        lengths = np.maximum(columns["attention_mask"].sum(1), 1)
        answers = [self._answer({name: values[row:row + 1, :length] for name, values in columns.items()})
                   for row, length in enumerate(lengths)]
        if answers[0].ndim == 1:
            return {"logits": np.stack(answers)}
        logits = np.zeros((count, time, answers[0].shape[-1]), np.float32)
        for row, answer in enumerate(answers):
            logits[row, :len(answer)] = answer
        return {"logits": logits}

    def _answer(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        try:
            return self._signature(**inputs)["logits"][0]
        except (ValueError, RuntimeError) as error:
            shape = inputs["input_ids"].shape
            raise ModelLoadError(f"{self._path}: cannot run an input of shape {shape} ({error}).") from error

    def close(self) -> None:
        self._interpreter = self._signature = None


def _interpreter(path: str, threads: int | None) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            return tf.lite.Interpreter(model_path=path, num_threads=threads)
    return Interpreter(model_path=path, num_threads=threads)
