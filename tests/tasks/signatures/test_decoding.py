"""Decoding tags in a graph: as outside of it, also in TensorFlow Lite, whatever the batch holds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.export.tflite import write_tflite
from xtremedistil_tf.tasks.tagging.decoding import best_sequences, transitions
from xtremedistil_tf.tasks.tagging.signatures import GraphDecoding

MANY = ("O", *(f"{prefix}-{number}" for number in range(20) for prefix in "BI"))
LABELS = {"IOB2": ("O", "B-A", "I-A", "B-B", "I-B"), "without O": ("I-A", "B-A", "I-B"), "many": MANY,
          "parts of speech": ("NOUN", "VERB"), "equal types": ("O", "B-A", "I-A", "I-A-"), "one": ("O",)}


class Asked:
    """One traced function for each way to ask, which a property asks many times."""

    def __init__(self, labels):
        self.rules, count = transitions(labels), len(labels)
        decoding = GraphDecoding(self.rules)
        logits = tf.TensorSpec([None, None, count])
        self.sentences = tf.function(decoding.of_sentences, [logits, tf.TensorSpec([None], tf.int32)], autograph=False)
        self.pieces = tf.function(decoding.of_pieces, [logits, tf.TensorSpec([None, None], tf.bool)], autograph=False)


@pytest.fixture(scope="module", params=LABELS)
def asked(request):
    return Asked(LABELS[request.param])


def random_logits(seed: int, *shape: int) -> np.ndarray:
    """Whole numbers on every second seed: many sums are equal."""
    values = np.random.default_rng(seed)
    return (values.integers(-3, 4, shape) if seed % 2 else 4 * values.normal(size=shape)).astype(np.float32)


@given(seed=st.integers(0, 2**32), lengths=st.lists(st.integers(0, 12), max_size=6), more=st.integers(0, 2))
@settings(max_examples=25)
def test_sentences(asked, seed, lengths, more):
    logits = random_logits(seed, len(lengths), max(lengths, default=0) + more, len(asked.rules.needs))
    found = asked.sentences(logits, np.array(lengths, np.int32)).numpy()
    assert found.shape == logits.shape[:2] and found.dtype == np.int32
    flat = np.concatenate([np.zeros((0, logits.shape[-1]), np.float32), *(r[:n] for r, n in zip(logits, lengths))])
    wanted = best_sequences(flat, lengths, asked.rules)
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, int), *(r[:n] for r, n in zip(found, lengths))]), wanted)


def wanted_of_pieces(logits: np.ndarray, counts: np.ndarray, rules) -> np.ndarray:
    """What the labels of pieces are, given those of the words."""
    if not rules.restricted:
        return logits.argmax(-1)
    of_words = best_sequences(logits[counts], [counts.sum()], rules)
    return np.concatenate([[rules.outside], of_words])[np.cumsum(counts)]


@given(seed=st.integers(0, 2**32), counts=st.lists(st.booleans(), min_size=1, max_size=12))
@settings(max_examples=25)
def test_pieces_that_do_not_count_repeat_the_word(asked, seed, counts):
    logits, counts = random_logits(seed, len(counts), len(asked.rules.needs)), np.array(counts)
    found = asked.pieces(logits[None], counts[None]).numpy()[0]
    np.testing.assert_array_equal(found, wanted_of_pieces(logits, counts, asked.rules))


@pytest.mark.parametrize("quantization", ["none", "dynamic"])
def test_in_tensorflow_lite(tmp_path, quantization):
    # Twenty types: a table of floats of this size would be quantized.
    rules, module = transitions(MANY), tf.Module()
    module.decoding = GraphDecoding(rules)
    module.decode = tf.function(
        lambda logits, counts: {"label_ids": module.decoding.of_pieces(logits, counts)},
        [tf.TensorSpec([1, None, len(MANY)], name="logits"), tf.TensorSpec([1, None], tf.bool, "counts")])
    path = write_tflite(tmp_path / "decoding.tflite", module, "decode", module.decode.get_concrete_function(),
                        quantization)
    run = Interpreter(model_path=str(path)).get_signature_runner("decode")
    for seed, time in enumerate([1, 2, 9, 40, 3]):
        logits = random_logits(seed, time, len(MANY))
        counts = np.random.default_rng(seed).random(time) < 0.7
        found = run(logits=logits[None], counts=counts[None])["label_ids"][0]
        np.testing.assert_array_equal(found, wanted_of_pieces(logits, counts, rules))
