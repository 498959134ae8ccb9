from __future__ import annotations

import random

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.tokenization.graph.added_tokens import Trie, on_paths

STRINGS = ["a", "ab", "abcab", "b", "bca", "日本", "日", "😀x", "\x00", "x" * 40]
TRIE = Trie(STRINGS)


@given(st.text("abcx日本😀\x00ö", max_size=30), st.randoms())
@settings(max_examples=60)
def test_matches_are_those_of_a_plain_search(text, rng):
    limits = [rng.randint(start, len(text)) for start in range(len(text))]
    characters = np.array([ord(character) for character in text], np.int32)
    starts = tf.range(len(text), dtype=tf.int64)
    found = TRIE.matches(tf.constant(characters), starts, tf.constant(limits, tf.int64))
    wanted = {(start, len(string), number)
              for start in range(len(text)) for number, string in enumerate(STRINGS)
              if text.startswith(string, start) and start + len(string) <= max(limits[start], start + 1)}
    assert sorted(zip(*(values.numpy().tolist() for values in found))) == sorted(wanted)
    assert sorted(found.lengths.numpy().tolist()) == found.lengths.numpy().tolist()


def test_of_equal_strings_the_last_counts():
    begin, end = tf.constant([0], tf.int64), tf.constant([1], tf.int64)
    found = Trie(["a", "b", "a"]).matches(tf.constant([ord("a")]), begin, end)
    assert found.strings.numpy().tolist() == [2]


def test_paths():
    rng = random.Random(0)
    for size in (1, 2, 3, 50, 300):
        links = [rng.randint(max(0, place - 3), place) for place in range(size)]
        begins = sorted(rng.sample(range(size), (size + 2) // 3))
        wanted = set()
        for place in begins:
            while place not in wanted:
                wanted.add(place)
                place = links[place]
        found = on_paths(tf.constant(links, tf.int64), tf.constant(begins, tf.int64), tf.constant(size))
        assert set(np.flatnonzero(found.numpy())) == wanted
