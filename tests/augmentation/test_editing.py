import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.augmentation.editing import (
    Editable,
    chosen,
    side_of,
    text_of,
    with_text,
    without_label,
    word_spans,
)
from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample

texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=60)


@given(text=texts)
def test_words_and_gaps_are_the_text(text):
    words = Editable.of(TextExample(text), "text")
    assert words.with_words({}).text == text
    assert "".join(words.words).replace(" ", "") == "".join(text.split())
    assert all(not gap.strip() for gap in words.gaps)


@given(text=texts, data=st.data())
def test_exchanged_words_stand_where_the_old_ones_stood(text, data):
    words = Editable.of(TextExample(text, label="x"), "text")
    places = data.draw(st.sets(st.sampled_from(words.exchangeable))) if words.exchangeable else set()
    new = words.with_words(dict.fromkeys(places, "neu"))
    expected, end = "", 0
    for place, (begin, stop) in enumerate(word_spans(text)):
        expected += text[end:begin] + ("neu" if place in places else text[begin:stop])
        end = stop
    assert new == TextExample(expected + text[end:], label="x")


@pytest.mark.parametrize(("text", "words"), [
    ("Don't (stop) now...", ["Don't", "(", "stop", ")", "now", "..."]),
    ("हिन्दी में।", ["हिन्दी", "में", "।"]),
    ("我在Paris。カナ", ["我", "在", "Paris。カナ"]),
    ("¿Qué?", ["¿", "Qué", "?"]),
    ("  ", []),
])
def test_words_of_texts(text, words):
    assert [text[begin:end] for begin, end in word_spans(text)] == words


def test_tagged_words_outside_of_entities_are_exchangeable():
    example = Example(("Anna", "saw", "Paris", "x", "2024", "don't", "twice"), ("B-PER", "O", "B-LOC", *"OOOO"))
    assert Editable.of(example, "words").exchangeable == [1, 6]
    assert Editable.of(without_label(example), "words").exchangeable == [0, 1, 2, 6]


def test_sides():
    rng = random.Random(0)
    assert side_of(Example(("a",)), rng) == "words" and side_of(QuestionExample("1", "q", "c"), rng) == "question"
    assert side_of(TextExample("a"), rng) == "text"
    assert {side_of(TextExample("a", "b"), rng) for _ in range(50)} == {"text", "pair"}


def test_texts_of_sides():
    tagged = Example(("a", "b"), ("O", "B-X"), "de", "f", 3)
    assert text_of(tagged, "words") == "a b"
    assert with_text(tagged, "words", "c d") == Example(("c", "d"), ("O", "B-X"), "de", "f", 3)
    assert with_text(tagged, "words", "c d e") == Example(("c", "d", "e"), None, "de", "f", 3)
    question = QuestionExample("1", "q", "c", (Answer("c", 0),))
    assert with_text(question, "question", "p").context == "c"
    assert without_label(question).answers is None and without_label(TextExample("a", label="x")).label is None


@given(count=st.integers(0, 30), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_share_of_the_words_is_chosen(count, share, seed):
    places = chosen(range(0, 2 * count, 2), 2 * count, share, random.Random(seed))
    assert places == sorted(set(places)) and set(places) <= set(range(0, 2 * count, 2))
    assert len(places) == min(count, max(1, round(share * 2 * count)))
