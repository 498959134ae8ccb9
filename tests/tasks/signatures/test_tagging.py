"""Tags of raw strings longer than the student takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask

WORDS = st.lists(st.sampled_from(["anna", "paris", "q", "fatima", ",", "москва", "\u200b",
                                  "annaparisthequito"]), max_size=40).map(" ".join)


@pytest.fixture(scope="module", params=[3, 17])
def both(request, asked):
    return asked(TaggingTask(["B-LOC", "I-LOC", "O"]), request.param)


@given(st.lists(st.one_of(WORDS, st.text(max_size=80)), min_size=2, max_size=8))
@settings(max_examples=12)
def test_every_word_is_answered_from_the_window_that_the_package_takes(both, texts):
    run, predict = both
    found = run(texts=texts)
    wanted = predict([Example(tuple(text.split())) for text in texts])
    assert found["word_counts"].tolist() == [len(tags) for tags in wanted]
    assert [[tag.decode() for tag in row[:len(tags)]] for row, tags in zip(found["tags"], wanted)] == wanted


def test_a_text_of_thousands_of_words(both):
    run, predict = both
    words = ("anna met fatima in paris , the old house near quito . " * 300).split()
    found = run(texts=[" ".join(words), ""])
    assert [tag.decode() for tag in found["tags"][0]] == predict([Example(tuple(words))])[0]
