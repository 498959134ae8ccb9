"""Tags of words that the caller has split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask

WORD = st.one_of(st.sampled_from(["anna", "paris", "", "\u200b", " ", "annaparisthequito"]),
                 st.text("aeinoprs ,.\u0301\t\u3000", max_size=9), st.text(max_size=9))
WORDS = st.lists(WORD, max_size=25)
HARD = [["anna maria", "", " ", "[SEP]", "a[MASK]b", "\x07", "\U0001F468\u200d\U0001F469", ""],
        [], ["", ""], ["\u200d", "\ufeff", "שלום", "a\u200cb", " anna  met\tboris "],
        ["x\x1cy\x1f[CLS]\x1e"]]


@pytest.fixture(scope="module", params=[3, 17, None])
def both(request, asked):
    return asked(TaggingTask(["B-LOC", "I-LOC", "O"]), request.param, signature="words")


@pytest.fixture(scope="module")
def of_pieces_with_spaces(asked, unigram_tokenizer):
    return asked(TaggingTask(["X", "Y"]), 9, signature="words", tokenizer=unigram_tokenizer)


def assert_tags(both, sentences: list[list[str]], more: int) -> None:
    run, predict = both
    time = max(map(len, sentences)) + more
    found = run(words=np.array([words + [""] * (time - len(words)) for words in sentences], object)
                .reshape(len(sentences), time))
    counts = [max((number for number, word in enumerate(words, 1) if word), default=0) for words in sentences]
    wanted = predict([Example(tuple(words[:count])) for words, count in zip(sentences, counts)])
    assert found["word_counts"].tolist() == counts
    assert found["tags"].shape == found["scores"].shape == (len(sentences), time)
    for row, tags in enumerate(wanted):
        assert [tag.decode() for tag in found["tags"][row]] == tags + [""] * (time - len(tags))
        assert (found["scores"][row, : len(tags)] > 0).all()
        assert (found["scores"][row, len(tags):] == -1).all()


@given(st.lists(WORDS, min_size=1, max_size=6), st.integers(0, 2))
@example(HARD, 0)
@settings(max_examples=12)
def test_words_are_those_of_the_package(both, sentences, more):
    assert_tags(both, sentences, more)


@given(st.lists(WORDS, min_size=1, max_size=6))
@example(HARD)
@settings(max_examples=12)
def test_a_mark_stands_before_every_word(of_pieces_with_spaces, sentences):
    assert_tags(of_pieces_with_spaces, sentences, 1)


def test_words_and_texts_have_the_same_scores(asked):
    task = TaggingTask(["O", "X"])
    texts = ["anna met boris in paris .", "москва \u200b the"]
    by_text = asked(task, 9)[0](texts=texts)
    by_words = asked(task, 9, signature="words")[0](words=[text.split() + [""] * (6 - len(text.split()))
                                                           for text in texts])
    for name in ("tags", "scores", "word_counts"):
        np.testing.assert_array_equal(by_words[name], by_text[name])


def test_malformed_bytes_are_replaced(both):
    run, predict = both
    words = [b"anna\xff", b"\xe4\xb8", b"paris"]
    wanted = predict([Example(tuple(word.decode(errors="replace") for word in words))])[0]
    assert [tag.decode() for tag in run(words=[words])["tags"][0]] == wanted


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (3, 0), (2, 3)])
def test_nothing(both, shape):
    found = both[0](words=np.full(shape, "", object))
    assert found["tags"].shape == found["scores"].shape == shape
    assert found["word_counts"].tolist() == [0] * shape[0]
