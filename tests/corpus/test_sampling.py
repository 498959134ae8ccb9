"""Samples of labelled data: stratified where the first examples would be one class; the same each time."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Answer, QuestionExample, TextExample
from xtremedistil_tf.corpus.sampling import held_out, is_sorted, sample, say_repeated, stratified


def examples(labels, language=None):
    return [TextExample(f"t{number}", None, label, language) for number, label in enumerate(labels)]


def test_a_file_sorted_by_class_is_sampled_by_class(caplog):
    rows = examples(["a"] * 60 + ["b"] * 40)
    kept, rest = sample(rows, 10)
    assert Counter(e.label for e in kept) == {"a": 6, "b": 4} and sample(rows, 10)[0] == kept
    assert sorted(kept + rest, key=rows.index) == rows and kept == sorted(kept, key=rows.index)
    assert "sorted by class: 10 of 100 are a stratified sample" in caplog.text


def test_a_shuffled_file_gives_its_first_examples(caplog):
    labels = ["a"] * 60 + ["b"] * 40
    random.Random(1).shuffle(labels)
    rows = examples(labels)
    assert sample(rows, 10) == (rows[:10], rows[10:]) and not caplog.text
    assert sample(rows, None) == (rows, []) and sample(rows, 1000) == (rows, [])


def test_a_sorted_file_that_is_short_enough_is_taken_whole(caplog):
    rows = examples(["a"] * 60 + ["b"] * 40)
    assert sample(rows, 100) == (rows, []) and not caplog.text


def test_each_language_by_itself():
    rows = examples(["a"] * 30 + ["b"] * 30, "de") + examples(["a", "b"] * 20, "fr")
    kept, _ = sample(rows, 4)
    assert Counter((e.language, e.label) for e in kept) == {
        ("de", "a"): 2, ("de", "b"): 2, ("fr", "a"): 2, ("fr", "b"): 2}


def test_scores_in_order_are_sorted_too():
    kept, _ = sample(examples([number / 20 for number in range(100)]), 10)
    assert Counter(int(e.label) for e in kept) == dict.fromkeys(range(5), 2)
    assert is_sorted([int(value / 20) for value in range(100)]) and not is_sorted([1, 2] * 50)
    assert not is_sorted(["a"] * 5 + ["b"] * 5)  # too few to tell


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.data())
def test_shares_are_kept_as_near_as_can_be(strata, data):
    count = data.draw(st.integers(0, len(strata)))
    chosen = stratified(range(len(strata)), strata, count)
    assert len(chosen) == len(set(chosen)) == count
    for name, total in Counter(strata).items():
        assert abs(sum(strata[place] == name for place in chosen) - count * total / len(strata)) < 1


def test_what_rounding_leaves_goes_where_most_is_missing():
    strata = "a" * 42 + "b" * 58  # of five 2.1 and 2.9
    assert Counter(strata[place] for place in stratified(range(100), strata, 5)) == {"a": 2, "b": 3}


def test_of_every_class_and_language_its_share_is_held_out():
    rows = examples(["a"] * 80 + ["b"] * 20, "de") + examples(["a"] * 20 + ["b"] * 40, "fr")
    _, out = held_out([TextExample(f"{e.language} {e.text}", None, e.label, e.language) for e in rows], 0.25)
    assert Counter((e.language, e.label) for e in out) == {
        ("de", "a"): 20, ("de", "b"): 5, ("fr", "a"): 5, ("fr", "b"): 10}


def test_equal_texts_are_held_out_together():
    rows = [TextExample(f"t{number % 7}", None, "x") for number in range(70)]
    rest, out = held_out(rows, 0.3)
    assert len(out) == 20 and {e.text for e in rest}.isdisjoint(e.text for e in out)
    assert [len(part) for part in held_out(rows[:2], 0.01)] == [1, 1]
    assert [len(part) for part in held_out(rows[:5], 0.99)] == [1, 4]


@pytest.mark.parametrize(("decontaminate", "end"), [(True, " and are skipped there"), (False, "")])
def test_what_stands_twice_is_counted(caplog, decontaminate, end):
    train = [TextExample("a", None, "x"), TextExample("A ", None, "y"), TextExample("b", None, "x")]
    say_repeated({"train": train, "dev": train[2:], "test": train[:2]}, decontaminate)
    assert [record.getMessage() for record in caplog.records] == [
        "train: 1 of 3 examples repeat the text of another; 1 texts have several labels",
        f"1 texts of dev also stand in train{end}", f"1 texts of test also stand in train{end}"]


def test_questions_that_stand_twice_are_counted_by_their_context(caplog):
    asked = [QuestionExample(str(number), "Who?", text, (Answer("Ada", 0),)) for number, text in enumerate(
        ["Ada sang.", "Ada ran.", "Ada sang."])]
    say_repeated({"train": asked}, False)
    assert caplog.messages == ["train: 1 of 3 examples repeat the text of another"]
