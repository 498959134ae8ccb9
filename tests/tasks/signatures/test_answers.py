"""Answers to raw questions about contexts longer than the student takes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import QuestionExample
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask

TEXT = st.one_of(st.text("annaprisobe ,.\u0301", max_size=60), st.text(max_size=60))
SPACED = st.one_of(st.text("annaprisobe    ,.\t\u3000", max_size=60), st.text(max_size=40))
SETTINGS = {
    "windows": ({}, 12), "wide windows": ({"max_answer_pieces": 3}, 40),
    "may be empty": ({"version_2": True, "max_answer_pieces": 1}, 10),
    "seldom empty": ({"version_2": True, "null_threshold": 1.5}, None),
}


@pytest.fixture(scope="module", params=SETTINGS)
def both(request, asked):
    options, max_length = SETTINGS[request.param]
    return asked(QuestionAnsweringTask(**options), max_length)


@pytest.fixture(scope="module", params=["windows", "seldom empty"])
def of_pieces_with_spaces(request, asked, unigram_tokenizer):
    options, max_length = SETTINGS[request.param]
    return asked(QuestionAnsweringTask(**options), max_length, tokenizer=unigram_tokenizer)


def assert_answers(both, questions: list[str], contexts: list[str]) -> None:
    run, predict = both
    found = run(questions=questions, contexts=contexts)
    wanted = predict([QuestionExample("", *texts) for texts in zip(questions, contexts)])
    assert [answer.decode() for answer in found["answers"]] == [answer.text for answer in wanted]
    assert found["starts"].tolist() == [answer.start for answer in wanted]
    assert found["ends"].tolist() == [answer.end for answer in wanted]
    np.testing.assert_allclose(found["scores"], [answer.score for answer in wanted], atol=1e-5)
    np.testing.assert_allclose(found["no_answer_scores"], [answer.no_answer_score for answer in wanted],
                               atol=1e-5)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=8))
@settings(max_examples=12)
def test_any_question(both, texts):
    assert_answers(both, [question for question, _ in texts], [context for _, context in texts])


@given(st.lists(st.tuples(SPACED, SPACED), min_size=2, max_size=8))
@example([("anna", "  anna   met  "), ("", " \x1f \u3000\t"), ("met", "a"), ("a", "")])
@settings(max_examples=12)
def test_answers_neither_begin_nor_end_with_white_space(of_pieces_with_spaces, texts):
    questions, contexts = zip(*texts)
    assert_answers(of_pieces_with_spaces, questions, contexts)


def test_long_and_empty_ones(both):
    context = "anna met boris in paris . the old house near quito , москва and 北京 left yesterday "
    assert_answers(both, ["the old house", "", " ", "fatima " * 100, "met"],
                   [context * 40, context, "", context * 2, " \u200b \x85"])


def test_questions_without_contexts_are_refused(both):
    with pytest.raises(tf.errors.InvalidArgumentError, match="questions and contexts differ in number"):
        both[0](questions=["a"], contexts=[])
