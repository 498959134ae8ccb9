"""Windows cut in the graph are those that the package cuts outside it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.tokenization.graph.inputs import even_windows, word_windows
from xtremedistil_tf.tokenization.texts import _spans
from xtremedistil_tf.tokenization.words import EncodedWords, cut_windows

_traced = {}


def cut_in_graph(texts: list[list[int]], max_pieces: int | None):
    """Windows of texts given as pieces of each word, and the window of each word."""
    if max_pieces not in _traced:
        spec = tf.RaggedTensorSpec([None, None], tf.int32)
        signature = [spec, spec, tf.TensorSpec([None], tf.int32)]
        _traced[max_pieces] = tf.function(lambda a, b, c: word_windows(a, b, c, max_pieces), signature, autograph=False)
    stops = [np.cumsum(words, dtype=np.int32) for words in texts]
    starts = [stop - np.array(words, np.int32) for stop, words in zip(stops, texts)]
    counts = [len(words) for words in texts]
    stops, starts = (
        tf.RaggedTensor.from_row_lengths(np.concatenate([*values, np.zeros(0, np.int32)]), counts)
        for values in (stops, starts))
    totals = np.array([sum(words) for words in texts], np.int32)
    windows, window_of_word = _traced[max_pieces](starts, stops, totals)
    return windows, tf.RaggedTensor.from_row_lengths(window_of_word, counts).to_list()


def expected(words: list[int], max_pieces: int | None):
    word_ids = np.repeat(np.arange(len(words)), words)
    return cut_windows(EncodedWords(np.zeros(len(word_ids), np.int32), word_ids, len(words)), max_pieces)


@given(st.lists(st.lists(st.sampled_from([0, 1, 1, 1, 2, 3, 9]), max_size=40), max_size=4),
       st.sampled_from([1, 2, 5, 6, 13, None]))
@example([], 5)
@example([[0]], 5)
@example([[9, 9, 9, 0], []], 2)
@example([[1] * 37, [2, 1] * 15], 6)
@settings(max_examples=100)
def test_word_windows(texts, max_pieces):
    windows, window_of_word = cut_in_graph(texts, max_pieces)
    rows, starts, stops = (value.numpy() for value in windows)
    wanted = [(row, window) for row, words in enumerate(texts) for window in expected(words, max_pieces)]
    assert list(zip(rows, starts, stops)) == [(row, w.start, w.stop) for row, w in wanted]
    for number, (row, window) in enumerate(wanted):
        words = texts[row]
        begins = np.cumsum(words) - words
        answered = [begin for word, begin in enumerate(begins)
                    if words[word] and window_of_word[row][word] == number]
        assert answered == window.answers.tolist()


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 400)), max_size=5))
@example([(900, 1), (0, 1), (257, 256), (512, 256), (513, 300)])
@settings(max_examples=150)
def test_even_windows(texts):
    totals, widths = np.array(texts, np.int32).reshape(-1, 2).T
    wanted = [(row, *span) for row, (total, width) in enumerate(texts) for span in _spans(total, width)]
    assert list(zip(*(value.numpy() for value in even_windows(totals, widths)))) == wanted


def test_without_a_limit_there_is_one_window_for_each_text():
    rows, starts, stops = (value.numpy().tolist() for value in even_windows(tf.constant([5, 0, 700]), None))
    assert (rows, starts, stops) == ([0, 1, 2], [0, 0, 0], [5, 0, 700])
