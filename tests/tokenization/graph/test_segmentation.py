from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram

from xtremedistil_tf.tokenization.graph.text import FIRST_ADDED
from xtremedistil_tf.tokenization.graph.unigram import UnigramSegmentation, byte_pieces

# Scores whose sums are equal on paper, equal in double precision, or equal only in single precision.
SCORES = [-0.1, -0.2, -0.3, -0.30000000000000004, -1.0, -1.0000000001, -1.1, -2.0, -3.0]
PIECES = [a + b + c for a in "ab" for b in ["", *"ab"] for c in ["", *"ab"]]
TIES = [("<unk>", 0.0), ("aaaaaa", -2.0), ("ö", -1.0)]
TIES += [(piece, SCORES[number * 7 % len(SCORES)]) for number, piece in enumerate(dict.fromkeys(PIECES))]
BYTES = [*TIES, *((piece, -9.0) for piece in byte_pieces())]


MODELS = {"ties": (TIES, False), "bytes": (BYTES, True)}


@functools.cache
def segmenter(name):
    """The graph and a comparison of it; it is traced once."""
    vocabulary, byte_fallback = MODELS[name]
    model = {"vocab": vocabulary, "unk_id": 0, "byte_fallback": byte_fallback}
    graph = UnigramSegmentation(model, added_ids=[99])
    backend = Tokenizer(Unigram(vocabulary, 0, byte_fallback))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.bool)], autograph=False)
    def run(characters, begins):
        return graph(characters, begins)

    def both(words: list[str]):
        found = run(np.array([ord(c) for word in words for c in word], np.int32),
                    np.array([place == 0 for word in words for place in range(len(word))], bool))
        wanted, before = [], 0
        for word in words:
            encoding = backend.encode(word)
            wanted += [(number, before + start, before + end - 1)
                       for number, (start, end) in zip(encoding.ids, encoding.offsets)]
            before += len(word)
        return list(zip(*(values.numpy().tolist() for values in found))), wanted

    return run, both


@pytest.mark.parametrize("name", MODELS)
def test_equal_to_hugging_face_also_where_scores_are_equal(name):
    _, both = segmenter(name)

    @given(st.lists(st.text("aaabbböx日😀", min_size=1, max_size=40), max_size=5))
    @settings(max_examples=150)
    def check(words):
        found, wanted = both(words)
        assert found == wanted

    check()


@pytest.mark.parametrize("words", [["<unk>"], ["x<unk>y"], ["<unk><unk>"], ["ab" * 500, "a", "x" * 300, "日"]])
@pytest.mark.parametrize("name", MODELS)
def test_written_unknown_pieces_and_long_words(name, words):
    found, wanted = segmenter(name)[1](words)
    assert found == wanted


def test_unknown_characters_of_two_words_stay_apart_and_added_tokens_are_kept():
    run, _ = segmenter("ties")
    characters = [ord("x"), ord("y"), ord("z"), FIRST_ADDED, FIRST_ADDED, ord("q")]
    found = run(np.array(characters, np.int32), np.array([True, False, True, True, True, True]))
    assert found.ids.numpy().tolist() == [0, 0, 99, 99, 0]
    assert found.lasts.numpy().tolist() == [1, 2, 3, 4, 5]
