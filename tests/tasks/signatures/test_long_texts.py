"""Every kind of task answers texts of ten thousand words as the package does."""

from __future__ import annotations

import random

import numpy as np
import pytest

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.decoding import entities

LABELS = ["O", "B-LOC", "I-LOC"]


@pytest.fixture(scope="module")
def long_words():
    words = ["anna", "met", "paris", "[SEP]", "\u200b", "q", "the", "москва", "北京"]
    return random.Random(1).choices(words, k=10_000)


@pytest.fixture(scope="module", params=[64, None])
def limit(request):
    return request.param


def test_tags_and_entities(asked, limit, long_words):
    run, predict = asked(TaggingTask(LABELS), limit)
    wanted = predict([Example(tuple(long_words))])[0]
    found = run(texts=["anna", " ".join(long_words)])
    assert [tag.decode() for tag in found["tags"][1]] == wanted
    assert found["word_counts"].tolist() == [1, 10_000]
    spans = entities(wanted, LABELS)
    assert len(spans) > 1000
    surfaces = [" ".join(long_words[span.first:span.last + 1]) for span in spans]
    assert [text.decode() for text in found["entities"][1]] == surfaces


def test_given_words(asked, limit, long_words):
    run, predict = asked(TaggingTask(LABELS), limit, signature="words")
    wanted = predict([Example(tuple(long_words))])[0]
    assert [tag.decode() for tag in run(words=[long_words])["tags"][0]] == wanted


@pytest.mark.parametrize("pairs", [False, True])
def test_classes_and_numbers(asked, limit, long_words, pairs):
    text, names = " ".join(long_words), ["texts", "pairs"][:1 + pairs]
    inputs = {"texts": [text, "anna", text], "pairs": ["met", text, text]}
    examples = [TextExample(*texts) for texts in zip(*(inputs[name] for name in names))]
    run, predict = asked(ClassificationTask(["no", "yes"]), limit, pairs)
    inputs = {name: inputs[name] for name in names}
    wanted = [prediction.probabilities for prediction in predict(examples)]
    np.testing.assert_allclose(run(**inputs)["probabilities"], wanted, atol=1e-5)
    run, predict = asked(RegressionTask(), limit, pairs)
    np.testing.assert_allclose(run(**inputs)["scores"], predict(examples), atol=1e-5)


def test_answers(asked, limit, long_words):
    run, predict = asked(QuestionAnsweringTask(), limit)
    text = " ".join(long_words)
    found = run(questions=["anna met", text], contexts=[text, text])
    wanted = predict([QuestionExample("", question, text) for question in ("anna met", text)])
    assert [answer.decode() for answer in found["answers"]] == [answer.text for answer in wanted]
    assert found["starts"].tolist() == [answer.start for answer in wanted]
