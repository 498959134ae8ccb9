"""The forms that a student runs in on this machine: Keras, SavedModel, TensorFlow Lite, ONNX."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from xtremedistil_tf.errors import MissingExtraError, ModelLoadError, reason_of
from xtremedistil_tf.process import register_text_ops

#: The column of a batch -> the name by which MediaPipe finds the input.
MEDIAPIPE_INPUTS = {"input_ids": "ids", "token_type_ids": "segment_ids", "attention_mask": "mask"}


class Runtime(Protocol):
    """A student in one of the forms that it is exported to; `Predictor` takes its `forward`."""

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Logits of a padded batch.

        Args:
            batch: int32 [batch, time] `input_ids` and `attention_mask`, padded on the right, and
                `token_type_ids` where the task has them; columns that the form does not take are left out.

        Returns:
            `logits` float32 [batch, time, outputs], or [batch, outputs] where the task answers whole inputs.

        Raises:
            ModelLoadError: the form cannot run this batch, such as a server that does not answer.
        """

    def close(self) -> None:
        """Frees what it holds; it cannot be used afterwards."""


def logits_of(outputs: Mapping[str, Any]) -> np.ndarray:
    """float32 logits from a SavedModel's `token_ids` outputs, see `export_saved_model`.

    Args:
        outputs: `logits`; or `start_logits` and `end_logits` of question answering; or a regression's `scores`.

    Returns:
        [batch, time, outputs] or [batch, outputs].
    """
    if "logits" in outputs:
        return np.asarray(outputs["logits"], np.float32)
    if "start_logits" in outputs:
        return np.stack([np.asarray(outputs[name], np.float32) for name in ("start_logits", "end_logits")], -1)
    return np.asarray(outputs["scores"], np.float32)[:, None]


class KerasRuntime:
    """A student as it was trained.

    Args:
        student: student model.
    """

    def __init__(self, student: Any):
        from xtremedistil_tf.training.pipeline import logits_alone

        self._forward = logits_alone(student)

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import tensorflow as tf

        inputs = {name: tf.constant(values, tf.int32) for name, values in batch.items()}
        return {"logits": self._forward(inputs).numpy()}

    def close(self) -> None:
        self._forward = None


class SavedModelRuntime:
    """A loaded SavedModel.

    Args:
        path: folder of the SavedModel.

    Raises:
        ModelLoadError: there is none, or it has no `token_ids` signature.
    """

    def __init__(self, path: str | os.PathLike[str]):
        import tensorflow as tf

        registered = register_text_ops()
        try:
            self._model = tf.saved_model.load(str(path))
            self._signature = self._model.signatures["token_ids"]
        except (OSError, KeyError, RuntimeError, tf.errors.OpError) as error:
            remedy = "Export the student again." if registered else (
                "If it was exported on another system, it needs the package tensorflow_text, which is not installed.")
            raise ModelLoadError(f"{path}: not a SavedModel with a token_ids signature ({error}). {remedy}") from error
        self._names = list(self._signature.structured_input_signature[1])

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        import tensorflow as tf

        inputs = {name: tf.constant(batch[name], tf.int32) for name in self._names}
        return {"logits": logits_of(self._signature(**inputs))}

    def close(self) -> None:
        self._model = self._signature = None


class TFLiteRuntime:
    """A file of `export_tflite`, run by LiteRT (package ai-edge-litert), or by TensorFlow where that is
    missing.

    Args:
        path: the file.
        threads: most threads; None: as many as the interpreter likes.

    Raises:
        ModelLoadError: there is none, or it has no `token_ids` signature.
    """

    _name = "token_ids"

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None):
        self._path = path
        try:
            self._interpreter = _interpreter(str(path), threads)
            signatures = self._interpreter.get_signature_list()
        except (ValueError, RuntimeError) as error:
            raise ModelLoadError(f"{path}: not a TensorFlow Lite file ({error}). Export the student "
                                 "again.") from error
        if self._name not in signatures:
            names = ", ".join(signatures) or "none"
            raise ModelLoadError(f"{path}: has no signature {self._name}, only {names}. Give one of the "
                                 f"{self._name}_*.tflite files that the export writes.")
        self._names = signatures[self._name]["inputs"]
        self._signature = self._interpreter.get_signature_runner(self._name)

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


class MediaPipeRuntime(TFLiteRuntime):
    """A file of `export_mediapipe`, given token ids; see `TFLiteRuntime`. Its logits are logarithms of probabilities.

    Attributes:
        length: pieces of every input; what is longer is cut off.
    """

    _name = "text_classifier"

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None):
        super().__init__(path, threads)
        self.length = int(self._interpreter.get_input_details()[0]["shape"][1])

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        columns = {}
        for column, name in MEDIAPIPE_INPUTS.items():
            values = np.asarray(batch[column], np.int32)[:, :self.length]
            columns[name] = np.pad(values, [(0, 0), (0, self.length - values.shape[1])])
        answers = [self._signature(**{name: values[row:row + 1] for name, values in columns.items()})["probability"][0]
                   for row in range(len(columns["ids"]))]
        return {"logits": np.log(np.maximum(np.stack(answers), np.finfo(np.float32).tiny))}


def _interpreter(path: str, threads: int | None) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
            return tf.lite.Interpreter(model_path=path, num_threads=threads)
    return Interpreter(model_path=path, num_threads=threads)


class OnnxRuntime:
    """A file of `export_onnx` or `export_hub`, run by ONNX Runtime on the processor.

    Args:
        path: the file.
        threads: most threads; None: as many as ONNX Runtime likes.

    Attributes:
        inputs: names of its inputs.
        width: number of outputs, None where the file does not say.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelLoadError: there is no such file, or ONNX Runtime cannot load it.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None):
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime", "onnx", "running an ONNX file") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 3  # errors
        # Threads that wait in a loop for the next operation take the processor from everything else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._path = path
        try:
            self._session = onnxruntime.InferenceSession(str(path), options,
                                                         providers=["CPUExecutionProvider"])
        except Exception as error:  # the exceptions of onnxruntime have no common base
            raise ModelLoadError(f"{path}: ONNX Runtime cannot load it ({reason_of(error)}). Export the student "
                                 "again.") from error
        self.inputs = [value.name for value in self._session.get_inputs()]
        shapes = {value.name: value.shape for value in self._session.get_outputs()}
        self._answers = [name for name in ("logits", "start_logits", "end_logits") if name in shapes]
        if not self._answers:
            raise ModelLoadError(f"{path}: has no output logits, but {', '.join(shapes) or 'none'}. Export the student "
                                 "again.")
        self.width = shapes["logits"][-1] if isinstance(shapes.get("logits", [None])[-1], int) else None

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        inputs = {name: np.asarray(batch[name], np.int64) for name in self.inputs}
        try:
            found = self._session.run(self._answers, inputs)
        except Exception as error:
            raise ModelLoadError(f"{self._path}: ONNX Runtime cannot run a batch of shape "
                                 f"{inputs['input_ids'].shape} ({reason_of(error)}).") from error
        return {"logits": logits_of(dict(zip(self._answers, found)))}

    def close(self) -> None:
        self._session = None
