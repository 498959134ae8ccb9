"""Word alignment against the tokenizer's own word ids, and windows that cover every word."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.tokenization.words import EncodedWords, SpecialTokens, cut_windows, encode_words

WORDS = st.lists(st.text(min_size=1, max_size=12).filter(lambda w: w.split() == [w]), max_size=20)


@pytest.fixture(scope="module")
def tokenizer(tiny_tokenizer):
    return tiny_tokenizer


def test_alignment_equals_the_tokenizers_own(tokenizer):
    @settings(max_examples=200)
    @given(WORDS)
    def check(words):
        (encoded,) = encode_words(tokenizer, [words])
        own = tokenizer([words], is_split_into_words=True)
        kept = [i for i, word in enumerate(own.word_ids(0)) if word is not None]
        assert encoded.ids.tolist() == [own["input_ids"][0][i] for i in kept]
        assert encoded.word_ids.tolist() == [own.word_ids(0)[i] for i in kept]
        assert encoded.num_words == len(words)

    check()


def test_special_tokens_wrap_as_the_tokenizer_does(tokenizer):
    special = SpecialTokens.of(tokenizer)
    words = [["paris", "anna"]]
    (encoded,) = encode_words(tokenizer, words)
    assert special.wrap(encoded.ids).tolist() == tokenizer(words, is_split_into_words=True)["input_ids"][0]
    for kind in (np.int32, np.float16):
        filled = special.wrap(np.array([1, 2], kind), fill=0)
        assert filled.tolist() == [0, 1, 2, 0] and filled.dtype == kind
    assert special.wrap(encoded.ids).dtype == encoded.ids.dtype == encoded.word_ids.dtype == np.int32
    assert len(special) == 2


def test_where_a_word_has_no_pieces_all_special_tokens_stand_before_it():
    class Encoding:
        ids, special_tokens_mask = [5, 6], [1, 1]

    class Encodings:
        encodings = (Encoding,)

    special = SpecialTokens.of(lambda words, is_split_into_words: Encodings)
    assert special.prefix.tolist() == [5, 6] and special.suffix.tolist() == [] and len(special) == 2
    assert special.wrap(np.array([1], np.int32)).tolist() == [5, 6, 1]


def test_many_sentences_come_in_order(tokenizer):
    sentences = [["anna"] * (i % 7) for i in range(3000)]
    assert [e.num_words for e in encode_words(tokenizer, iter(sentences))] == [len(s) for s in sentences]


def test_control_characters_only_make_a_word_without_pieces(tokenizer):
    (encoded,) = encode_words(tokenizer, [["anna", "\u200d", "paris"]])
    assert set(encoded.word_ids.tolist()) == {0, 2}


@settings(max_examples=300)
@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 20))
def test_every_word_is_answered_once_and_inside_its_window(pieces_per_word, room):
    word_ids = np.repeat(np.arange(len(pieces_per_word)), pieces_per_word).astype(np.int32)
    encoded = EncodedWords(np.arange(len(word_ids), dtype=np.int32), word_ids, len(pieces_per_word))
    windows = cut_windows(encoded, room)
    answered = np.concatenate([window.answers for window in windows])
    assert sorted(answered.tolist()) == np.flatnonzero(encoded.word_starts).tolist()
    for window in windows:
        assert window.stop - window.start <= room
        assert np.all((window.answers >= window.start) & (window.answers < window.stop))


def test_words_far_from_the_ends_have_context_on_both_sides():
    encoded = EncodedWords(np.arange(100, dtype=np.int32), np.arange(100, dtype=np.int32), 100)
    for window in cut_windows(encoded, 20):
        for answer in window.answers:
            left = np.inf if window.start == 0 else answer - window.start
            right = np.inf if window.stop == 100 else window.stop - 1 - answer
            assert min(left, right) >= 4


def test_no_limit_is_one_window():
    encoded = EncodedWords(np.arange(100, dtype=np.int32), np.arange(100, dtype=np.int32), 100)
    (window,) = cut_windows(encoded, None)
    assert (window.start, window.stop, len(window.answers)) == (0, 100, 100)


@pytest.mark.parametrize("pieces_per_word, room, windows", [
    ([1] * 10, 4, [(0, 4, [0, 1, 2]), (2, 6, [3, 4]), (4, 8, [5, 6]), (6, 10, [7, 8, 9])]),
    ([1] * 7, 5, [(0, 5, [0, 1, 2, 3]), (2, 7, [4, 5, 6])]),
    ([1] * 4, 4, [(0, 4, [0, 1, 2, 3])]),
    ([1] * 3, 1, [(0, 1, [0]), (1, 2, [1]), (2, 3, [2])]),
    # A window ends at the end of a word; one longer than a window is cut, and nothing is left out after it.
    ([2, 2, 2, 2], 5, [(0, 4, [0, 2]), (2, 6, [4]), (4, 8, [6])]),
    ([1, 7, 1, 1], 4, [(0, 1, [0]), (1, 5, [1]), (8, 10, [8, 9])]),
    ([3, 1, 9], 4, [(0, 4, [0, 3]), (3, 4, []), (4, 8, [4])]),
])
def test_windows_as_made_by_hand(pieces_per_word, room, windows):
    word_ids = np.repeat(np.arange(len(pieces_per_word)), pieces_per_word).astype(np.int32)
    found = cut_windows(EncodedWords(word_ids, word_ids, len(pieces_per_word)), room)
    assert [(window.start, window.stop, window.answers.tolist()) for window in found] == windows


def test_long_texts_are_encoded_in_parts(tiny_tokenizer, monkeypatch):
    from xtremedistil_tf.tokenization import words as module

    rows = [("anna", "\u200b", "paris") * 5, (), ("the", "annaparis") * 2, ("met",) * 3, ("\u200b",) * 7]
    whole = [*encode_words(tiny_tokenizer, rows)]
    monkeypatch.setattr(module, "_MOST_WORDS", 4)
    for one, other in zip(encode_words(tiny_tokenizer, rows), whole, strict=True):
        assert (one.ids.tolist(), one.word_ids.tolist()) == (other.ids.tolist(), other.word_ids.tolist())
        assert one.num_words == other.num_words


def test_words_that_are_remembered_have_the_same_pieces(tiny_tokenizer, monkeypatch):
    from xtremedistil_tf.tokenization import words as module

    monkeypatch.setattr(module, "_MOST_KNOWN", 3)
    monkeypatch.setattr(module, "_ENCODED_TOGETHER", 2)
    known = module.WordPieces(tiny_tokenizer)
    for words in (["anna", "paris"], ["paris", "\u200b", "annaparis", "paris"], [], ["met", "anna"], ["met"] * 3):
        ids, counts = known.of(words)
        wanted = [tiny_tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
        assert (ids.tolist(), counts.tolist()) == ([*itertools.chain(*wanted)], [*map(len, wanted)])
