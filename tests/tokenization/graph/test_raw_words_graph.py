"""The rule for words in the graph against the one in Python."""

from __future__ import annotations

import functools

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from word_rules import KINDS, RULES

from xtremedistil_tf.tokenization.graph.raw_words import GraphRawWords


@functools.cache
def graph(name: str):
    return tf.function(GraphRawWords(RULES[name]).split, input_signature=[tf.TensorSpec([None], tf.string)],
                       autograph=False)


def in_graph(name: str, texts: list[str]) -> list[list[tuple[str, int, int]]]:
    found = graph(name)(tf.constant([text.encode() for text in texts], tf.string))
    columns = [found[column].to_list() for column in ("words", "starts", "ends")]
    return [[(word.decode(), start, end) for word, start, end in zip(*row)] for row in zip(*columns)]


@pytest.mark.parametrize("name", RULES)
@given(st.lists(st.one_of(st.text(KINDS, max_size=14), st.text(max_size=14)), max_size=5))
@example(["", " ", "\u200b", "."])
@example(["a\u200b", "\u200b.", "http://a/b/.", "see://", "l'an's ", "isn't", "n't", "l's", "'", "''", "\"n't\" 's l’"])
@example(["(Ab.", "l'a.", "31. a.. a.,", "a.b a'b.", "7.", "á.", "🏽a.", "b'a. a"])
@settings(max_examples=250)
def test_equal_to_python(name, texts):
    assert in_graph(name, texts) == [RULES[name].split(text) for text in texts]


def test_malformed_bytes_are_replacement_characters():
    found = graph("punctuation")(tf.constant([b"a\xff b"]))
    assert found["words"].to_list() == [[b"a", "\ufffd".encode(), b"b"]]
    assert found["starts"].to_list() == [[0, 1, 3]]
