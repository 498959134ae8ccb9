"""What the TensorFlow Lite runtime refuses; how it answers is in `test_conformance.py`."""

from __future__ import annotations

import pytest
import tensorflow as tf

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.tflite import write_tflite
from xtremedistil_tf.inference.runtimes import TFLiteRuntime


def test_what_is_no_tflite_file(tmp_path):
    with pytest.raises(ModelLoadError, match="missing.tflite: not a TensorFlow Lite file"):
        TFLiteRuntime(tmp_path / "missing.tflite")
    (tmp_path / "text.tflite").write_text("no model at all, but long enough to be looked into")
    with pytest.raises(ModelLoadError, match="text.tflite: not a TensorFlow Lite file"):
        TFLiteRuntime(tmp_path / "text.tflite")


def test_a_file_of_another_signature(tmp_path):
    function = tf.function(lambda x: {"y": x + 1}, input_signature=[tf.TensorSpec([1], tf.float32, "x")])
    write_tflite(tmp_path / "other.tflite", tf.Module(), "increment", function.get_concrete_function(),
                 "none")
    with pytest.raises(ModelLoadError, match="no signature token_ids, only increment"):
        TFLiteRuntime(tmp_path / "other.tflite")
