"""Tags of raw strings longer than the student takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.raw_words import RawWords

WORDS = st.lists(st.sampled_from(["anna", "paris", "q", "fatima", ",", "москва", "\u200b",
                                  "annaparisthequito"]), max_size=40).map(" ".join)


@pytest.fixture(scope="module", params=[3, 17])
def both(request, asked):
    return asked(TaggingTask(["B-LOC", "I-LOC", "O"]), request.param)


@pytest.fixture(scope="module")
def marks_apart(asked):
    rule = RawWords("punctuation", characters=True, endings=("'s",))
    return *asked(TaggingTask(["B-LOC", "I-LOC", "O"], raw_words=rule.facts()), 17), rule


@given(st.lists(st.one_of(WORDS, st.text(max_size=80)), min_size=2, max_size=8))
@settings(max_examples=12)
def test_every_word_is_answered_from_the_window_that_the_package_takes(both, texts):
    run, predict = both
    found = run(texts=texts)
    wanted = predict([Example(tuple(text.split())) for text in texts])
    assert found["word_counts"].tolist() == [len(tags) for tags in wanted]
    assert [[tag.decode() for tag in row[:len(tags)]] for row, tags in zip(found["tags"], wanted)] == wanted


@given(st.lists(st.one_of(WORDS, st.text(max_size=40), st.text("aB.,'( \u200b我", max_size=20)), min_size=2,
                max_size=8))
@settings(max_examples=25)
def test_words_are_those_of_the_rule(marks_apart, texts):
    run, predict, rule = marks_apart
    found, split = run(texts=texts), [rule.split(text) for text in texts]
    counts = found["word_counts"].tolist()
    assert counts == [len(row) for row in split]
    columns = [[row[:count].tolist() for row, count in zip(found[name], counts)]
               for name in ("words", "starts", "ends")]
    assert [[(word.decode(), start, end) for word, start, end in zip(*row)] for row in zip(*columns)] == split
    wanted = predict([Example(tuple(word.text for word in row)) for row in split])
    assert [[tag.decode() for tag in row[:count]] for row, count in zip(found["tags"], counts)] == wanted


def test_a_text_of_thousands_of_words(both):
    run, predict = both
    words = ("anna met fatima in paris , the old house near quito . " * 300).split()
    found = run(texts=[" ".join(words), ""])
    assert [tag.decode() for tag in found["tags"][0]] == predict([Example(tuple(words))])[0]


def test_words_are_cut_off_the_edges_of_entities(asked):
    words = {"never_first": [",", "anna"], "never_last": [",", "paris", "\u200b"]}
    plain, task = TaggingTask(["B-LOC", "I-LOC", "O"]), TaggingTask(["B-LOC", "I-LOC", "O"], edge_words=words)
    texts = [" ".join("anna paris , q anna fatima paris \u200b москва".split()[number:]) for number in range(9)]
    rows = [Example(tuple(text.split())) for text in texts]
    run, predict = asked(task, None)
    wanted = predict(rows)
    assert wanted != asked(plain, None)[1](rows)
    found = run(texts=texts)
    assert [[tag.decode() for tag in row[:len(tags)]] for row, tags in zip(found["tags"], wanted)] == wanted
    starts = [sum(tag.startswith("B-") for tag in tags) for tags in wanted]
    assert found["entity_counts"].tolist() == starts
    run = asked(task, None, signature="words")[0]
    assert [tag.decode() for tag in run(words=[list(rows[0].words)])["tags"][0]] == wanted[0]
