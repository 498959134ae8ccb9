"""Where the forms of a student lie in a model directory."""

from __future__ import annotations

import pathlib

from xtremedistil_tf.config.export import QUANTIZATIONS_OF

EXPORT = "export"
#: Name of the file or entry that tells how answers are chosen from logits, see `Task.decoding_facts`.
DECODING = "decoding"
_FILES = {"saved_model": "saved_model", "tflite": "tflite/token_ids_{}.tflite", "onnx": "onnx/model_{}.onnx",
          "serving": "serving"}


def exported_path(model_dir: pathlib.Path, form: str, quantization: str = "none") -> pathlib.Path:
    """The file or folder of a form, such as `export/tflite/token_ids_dynamic.tflite`."""
    return pathlib.Path(model_dir) / EXPORT / _FILES[form].format(quantization)


def exported_forms(model_dir: pathlib.Path) -> list[tuple[str, str]]:
    """(form, quantization) of every form in a model directory."""
    return [(form, quantization) for form, quantizations in QUANTIZATIONS_OF.items() for quantization in quantizations
            if exported_path(model_dir, form, quantization).exists()]


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else (
        path.stat().st_size)
