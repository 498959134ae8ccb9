"""Words of raw text in a TensorFlow Lite file, run with LiteRT, against the rule in Python."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import InterpreterWithCustomOps
from tensorflow_text import tflite_registrar

from xtremedistil_tf.export.tflite import write_tflite
from xtremedistil_tf.export.tflite_words import LiteWords
from xtremedistil_tf.tokenization.raw_words import RawWords
from xtremedistil_tf.tokenization.word_vectors import TEXTS

RULES = {
    "white space": RawWords(),
    "punctuation": RawWords("punctuation"),
    "characters": RawWords("punctuation", characters=True),
    "habits": RawWords("punctuation", False, "#@<", "%।.", ("l'", "qu'", "'"), ("'s", "n't", "'")),
}
# What the rule treats in its own way, often, so that its parts meet.
KINDS = ("aAbJSt1я的タกั́👩👍🏽🇩🇪❤️\u200d\u200b\u200f\u00ad\u0301\u0903 \u00a0\n\x1e''’’..,:/"
         "#@%।()（）「」“”«»\"-–_+…،。、。・〜<$lqun\0\x7f\u0080\u07ff\u0800\uffff\U0010ffff")


@pytest.mark.parametrize("name", RULES)
def test_equal_to_python(tmp_path, name):
    rule = RULES[name]
    words = LiteWords(rule)
    function = tf.function(lambda texts: words.split(texts)._asdict())
    path = write_tflite(tmp_path / "words.tflite", words, "words",
                        function.get_concrete_function(texts=tf.TensorSpec([1], tf.string)), "dynamic", custom_ops=True)
    run = InterpreterWithCustomOps(
        model_path=str(path), custom_op_registerers=tflite_registrar.SELECT_TFTEXT_OPS).get_signature_runner("words")
    draw = random.Random(0)
    fuzzed = ["".join(draw.choices(KINDS, k=draw.randint(0, 14))) for _ in range(1500)]
    for text in (*TEXTS, *fuzzed):
        found = run(texts=np.array([text.encode()], object))
        assert [*zip(map(bytes.decode, found["strings"]), found["starts"], found["ends"])] == [
            (word.text, len(text[:word.start].encode()), len(text[:word.end].encode())) for word in rule.split(text)]
