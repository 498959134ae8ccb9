"""Where sentences end, by hand and against the patterns' copy in a graph; parts of long texts."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.tasks.tagging.signatures import GraphSentences
from xtremedistil_tf.tokenization.sentences import sentence_stops, sentences_of
from xtremedistil_tf.tokenization.words import EncodedWords

WORD = st.one_of(
    st.sampled_from([".", "!", "?!", "\u2026", "\u3002", "\u0964", "Dr", "Dr.", "J.", "U.S.", "3.", "J.R.R.", "Bros",
                     "London.", "London.\u201d", "\u201d", ")", "\u00bb", '"', "the", "The", "\u0431\u044b\u043b",
                     "\u0411\u044b\u043b", "1990", "A", "\u00e9t\u00e9", "a.", "]", "word"]),
    st.text("aB.!\u3002)\u201d ]\u0301\u00e9\u042f\U0001f600", min_size=1, max_size=4).filter(
        lambda word: word.split() == [word]))


@pytest.mark.parametrize("sentences", [
    ["Ada met Grace .", "They left ."],
    ["Ada met Grace.", "They left!", "Why?"],
    ["He said : \u201c Never . \u201d", "Then he left ."],
    ["(He left.)", "She stayed."],
    ["Dr . Smith met J. R. Smith of the U.S. and Dr. No on 3. May in the 90 . Yes"],
    ["J.R.R. Tolkien met J.-P. Sartre of Warner Bros. Entertainment and Prof . Moriarty of the U.S.S.R. Army"],
    ["What ? ! ...", "Nothing"],
    ["Yahoo ! was founded", ],
    ["a . b . c"],
    ["\u4ed6\u6765\u4e86 \u3002", "\u5979 \u8d70 \u4e86 \u3002"],
    ["\u041e\u043d \u0437\u0434\u0435\u0441\u044c.", "\u041e\u043d\u0430 \u0442\u0430\u043c."],
    ["no end"], [],
])
def test_by_hand(sentences):
    words = [sentence.split() for sentence in sentences]
    assert sentence_stops([word for sentence in words for word in sentence]) == list(np.cumsum([*map(len, words)]))


@pytest.fixture(scope="module")
def parted():
    sentences = GraphSentences()

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.string), tf.TensorSpec([None], tf.bool)],
                 autograph=False)
    def run(texts, is_long):
        pieces = tf.RaggedTensor.from_row_lengths(tf.range(tf.size(texts.values)), tf.ones_like(texts.values, tf.int64))
        return sentences.part(texts.with_values(pieces), texts.values, is_long).merge_dims(1, 2)

    return lambda texts, is_long: run(tf.ragged.constant(texts, tf.string, ragged_rank=1), is_long).to_list()


@given(st.lists(st.lists(WORD, max_size=12), max_size=4), st.integers(0, 15))
@settings(max_examples=300)
def test_the_graph_finds_the_same(parted, texts, long):
    is_long = np.array([bool(long & 1 << number) for number in range(len(texts))], bool)
    wanted, first = [], 0
    for words, split in zip(texts, is_long):
        stops = [first + stop for stop in (sentence_stops(words) if split else [len(words)] if words else [])]
        wanted += [list(range(a, b)) for a, b in zip([first, *stops], stops)]
        first += len(words)
    assert parted(texts, is_long) == (wanted or [[]])


@given(st.lists(st.tuples(WORD, st.integers(0, 3)), max_size=30), st.integers(0, 30))
@settings(max_examples=200)
def test_parts_hold_every_piece_once(words, longest):
    word_ids = np.repeat(np.arange(len(words)), [pieces for _, pieces in words]).astype(np.int32)
    encoded = EncodedWords(np.arange(len(word_ids), dtype=np.int32), word_ids, len(words))
    parts = sentences_of(encoded, [word for word, _ in words], longest)
    assert np.concatenate([part.ids for part in parts]).tolist() == encoded.ids.tolist()
    assert np.concatenate([part.word_ids for part in parts]).tolist() == word_ids.tolist()
    if len(word_ids) <= longest:
        assert parts == [encoded]
    stops = sentence_stops([word for word, _ in words])
    sentence_of = np.searchsorted(stops, word_ids, "right")
    if len(word_ids) > longest:
        assert [set(np.searchsorted(stops, part.word_ids, "right")) for part in parts] == [
            {number} for number in dict.fromkeys(sentence_of)]
