from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import regex
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers

from xtremedistil_tf.tokenization.graph.text import Graphemes, Text, every_cluster_a_letter

# Some of every kind, in Unicode for long. No regional indicators, which are not joined.
KINDS = ("a é\r\n\t\u00ad\u200b\u2028\u0301\u0316\u200d\u200c\ufe0f\u0903\u093e\u0600\u070f\U000110bd"
         "\u00a9\u2122☺👩⚕\u0915\u0937\u094d\u093c\u0d15\u0d4d\u1100\u1161\u11a8가각\U0001f3fd\U000e0020"
         "\U000e0001\u0e33\U0001d165")


EVERY_CLUSTER_A_LETTER = normalizers.Precompiled(every_cluster_a_letter(b""))


graphemes = functools.cache(Graphemes)


@pytest.fixture(scope="module", autouse=True)
def made():
    """Not in a graph, and not while tests are collected: Hugging Face is asked about all of Unicode."""
    graphemes()


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def flags(texts):
    decoded = Text.decode(texts)
    return graphemes().begins(decoded.characters, decoded.segment)


def begins(text: str) -> list[int]:
    return np.flatnonzero(flags(tf.constant([text.encode()])).numpy()).tolist()


# The regex package joins any letter and a consonant across a virama, the standard only two consonants.
@given(st.text(KINDS.replace("\u094d", "").replace("\u0d4d", ""), max_size=25))
@settings(max_examples=200)
def test_clusters_are_those_of_the_regex_package(text):
    assert begins(text) == [match.start() for match in regex.finditer(r"\X", text)]


@given(st.text(KINDS, max_size=12))
@settings(max_examples=400)
def test_short_clusters_are_those_of_hugging_face(text):
    # Every cluster of less than six bytes that begins with a letter of the map becomes one "P".
    places = [*begins(text), len(text)]
    clusters = [text[start:end] for start, end in itertools.pairwise(places)]
    wanted = ["P" if len(cluster.encode()) < 6 else "P" * len(cluster) for cluster in clusters]
    assert "".join(wanted) == EVERY_CLUSTER_A_LETTER.normalize_str(text)


def test_a_segment_begins_a_cluster():
    found = graphemes().begins(tf.constant([ord("a"), 0x301, 0x301]), tf.constant([0, 0, 1], tf.int64))
    assert found.numpy().tolist() == [True, False, True]
