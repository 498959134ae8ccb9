"""Answers texts with a file of `export_onnx_text`: `python -m xtremedistil_tf.export.onnx_text_run FILE < texts.json`.

In a process of its own: where TensorFlow's tensorflow-text is loaded, onnxruntime-extensions calls its SentencePiece
instead of its own, and the process dies.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.errors import ModelLoadError


def answers_of(path: str | os.PathLike[str], texts: Sequence[str]) -> list[dict[str, Any]]:
    """The outputs of the file for each text, as lists.

    Raises:
        ModelLoadError: it cannot be run.
    """
    done = subprocess.run([sys.executable, "-m", __name__, os.fspath(path)], input=json.dumps(list(texts)),
                          capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or f"the process ended with {done.returncode}").splitlines()[-1]
        raise ModelLoadError(f"{path}: ONNX Runtime cannot run it ({reason}).")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def library() -> str:
    """The file of the operators. The package itself is not imported: it would load transformers, if that is there."""
    package = importlib.util.find_spec("onnxruntime_extensions")
    folders = package.submodule_search_locations if package else None
    found = importlib.machinery.PathFinder.find_spec("_extensions_pydll", folders)
    return str(found and found.origin)


def main(path: str) -> None:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.register_custom_ops_library(library())
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    json.dump([dict(zip(names, (value.tolist() for value in session.run(None, {"texts": np.array([text], object)}))))
               for text in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
