"""The published rules of SQuAD's evaluation, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.tasks.question_answering.answers import answer_scores, normalized


@pytest.mark.parametrize("answer, expected", [
    ("The  Cat", "cat"), ("an apple, a day", "apple day"), ("a-b c.d", "ab cd"), ("theatre", "theatre"),
    ("U.S.A.", "usa"), ("the", ""), ("  \n", ""), ("Ärger über «A»", "ärger über « »"), ("北京。", "北京。")])
def test_normalized(answer, expected):
    assert normalized(answer) == expected


@pytest.mark.parametrize("gold, predicted, exact, f1", [
    (["the Eiffel Tower"], "Eiffel tower!", 1, 1),
    (["in Paris"], "Paris", 0, 2 / 3),
    (["in Paris", "Paris"], "Paris", 1, 1),
    (["a b c d x"], "x x b", 0, 2 * 2 / (4 + 3)),  # `a` is an article; one x is shared, not two
    (["Paris"], "", 0, 0),
    (["Paris"], "Oslo", 0, 0),
    ([], "", 1, 1),
    ([], "Paris", 0, 0),
    ([], "the", 1, 1),  # an article is nothing
    (["the", "Paris"], "a", 0, 0),  # nor is it a right answer beside another one
    (["the"], "", 1, 1)])
def test_one_answer(gold, predicted, exact, f1):
    scores = answer_scores([gold], [predicted])
    assert scores["exact_match"] == exact and scores["f1"] == pytest.approx(f1)


def test_answerable_and_unanswerable_questions_apart():
    scores = answer_scores([["Paris"], ["old house"], [], [], []], ["Paris", "house", "", "Oslo", "x"])
    assert scores == {
        "exact_match": pytest.approx(2 / 5), "f1": pytest.approx((1 + 2 / 3 + 1) / 5), "support": 5,
        "has_answer_exact": 0.5, "has_answer_f1": pytest.approx(5 / 6), "has_answer_support": 2,
        "no_answer_exact": pytest.approx(1 / 3), "no_answer_f1": pytest.approx(1 / 3), "no_answer_support": 3}
    assert set(answer_scores([["Paris"]], ["Paris"])) == {"exact_match", "f1", "support"}
    assert "has_answer_f1" not in answer_scores([[]], [""])


WORDS = st.sampled_from(["the", "a", "An", "cat", "Cat.", "dog", "-", "x"])
ANSWERS = st.one_of(st.lists(WORDS, max_size=5).map(" ".join), st.text(max_size=8))


@given(st.lists(ANSWERS, max_size=3), ANSWERS)
def test_agrees_with_the_published_program_as_transformers_has_it(answers, prediction):
    from transformers.data.metrics.squad_metrics import compute_exact, compute_f1, normalize_answer

    # the loop of the published program around them
    right = [a for a in answers if normalize_answer(a)] or [""]
    scores = answer_scores([answers], [prediction])
    assert scores["exact_match"] == max(compute_exact(a, prediction) for a in right)
    assert scores["f1"] == pytest.approx(max(compute_f1(a, prediction) for a in right))
