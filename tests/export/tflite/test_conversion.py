"""Writing TensorFlow Lite files."""

from __future__ import annotations

import pytest
import tensorflow as tf

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.tflite import QUANTIZATIONS, check_quantization, write_tflite


def concrete(function, dtype=tf.float32):
    traced = tf.function(lambda x: {"y": function(x)}, input_signature=[tf.TensorSpec([1, None], dtype, "x")])
    return traced.get_concrete_function()


def test_what_tensorflow_lite_lacks_is_named(tmp_path):
    # MPNet's relative positions are computed so; TensorFlow Lite has no logarithm of float64.
    function = concrete(lambda x: tf.cast(tf.math.log(tf.cast(x, tf.float64)), tf.float32))
    with pytest.raises(ConfigError, match="it lacks Log. Use another form"):
        write_tflite(tmp_path / "model.tflite", tf.Module(), "log", function, "none")
    assert not list(tmp_path.iterdir())


def test_the_signature_has_its_name(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    path = tmp_path / "new" / "model.tflite"
    assert write_tflite(path, tf.Module(), "doubled", concrete(lambda x: 2 * x), "none") == path
    found = Interpreter(model_path=str(path)).get_signature_list()
    assert found == {"doubled": {"inputs": ["x"], "outputs": ["y"]}}


def test_quantizations():
    for quantization in QUANTIZATIONS:
        check_quantization(quantization)
    with pytest.raises(ConfigError, match="`quantize=int16`: expected one of none, float16, dynamic, int8"):
        check_quantization("int16")
