"""Running an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from xtremedistil_tf.errors import MissingExtraError, ModelLoadError


class OnnxRuntime:
    """A file of `export_onnx`, run by ONNX Runtime on the processor.

    Args:
        path: the file.
        threads: most threads; None: as many as ONNX Runtime likes.

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
            raise ModelLoadError(f"{path}: ONNX Runtime cannot load it ({error}). Export the student "
                                 "again.") from error
        self._inputs = [value.name for value in self._session.get_inputs()]

    def forward(self, batch: Mapping[str, Any]) -> dict[str, np.ndarray]:
        inputs = {name: np.asarray(batch[name], np.int64) for name in self._inputs}
        try:
            return {"logits": self._session.run(["logits"], inputs)[0]}
        except Exception as error:
            raise ModelLoadError(f"{self._path}: ONNX Runtime cannot run a batch of shape "
                                 f"{inputs['input_ids'].shape} ({error}).") from error

    def close(self) -> None:
        self._session = None
