"""Words of raw text in a TensorFlow Lite file, run with LiteRT, against the rule in Python."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text import tflite_registrar
from word_rules import RULES, fuzzed

from xtremedistil_tf.export.tflite import write_tflite
from xtremedistil_tf.export.tflite_words import LiteWords
from xtremedistil_tf.tokenization.word_vectors import TEXTS

# Conversions take long, so that a file has as many parts of a rule as can stand together; `habits` are among those of
# `abbreviations`.
CONVERTED = {name: RULES[name] for name in ("white space", "punctuation", "abbreviations")} | {
    "parted characters": dataclasses.replace(RULES["parted"], characters=True)}


@pytest.mark.parametrize("name", CONVERTED)
def test_equal_to_python(tmp_path, name):
    rule = CONVERTED[name]
    words = LiteWords(rule)
    function = tf.function(lambda texts: words.split(texts)._asdict())
    path = write_tflite(tmp_path / "words.tflite", words, "words",
                        function.get_concrete_function(texts=tf.TensorSpec([1], tf.string)), "dynamic", custom_ops=True)
    run = InterpreterWithCustomOps(
        model_path=str(path), custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS).get_signature_runner("words")
    for text in (*TEXTS, *fuzzed(500)):
        found = run(texts=np.array([text.encode()], object))
        assert [*zip(map(bytes.decode, found["strings"]), found["starts"], found["ends"])] == [
            (word.text, len(text[:word.start].encode()), len(text[:word.end].encode())) for word in rule.split(text)]
