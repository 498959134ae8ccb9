"""TensorFlow Lite (LiteRT) files of a student, for phones."""

from __future__ import annotations

from xtremedistil_tf.export.tflite.raw_strings import export_raw_string_tflite
from xtremedistil_tf.export.tflite.side_files import write_side_files
from xtremedistil_tf.export.tflite.token_ids import export_tflite

__all__ = ["export_raw_string_tflite", "export_tflite", "write_side_files"]
