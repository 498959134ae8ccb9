"""Scores of classifiers against counts made by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import special

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.tasks.classification.task import MAIN_SCORES, ClassificationTask, ClassPrediction, class_scores
from xtremedistil_tf.tasks.scores import scores_named, softmax, stacked, sums, top_probabilities, with_languages

# yes: 3 right, 1 missed, 2 false alarms; no: 4 right
GOLD = ["yes"] * 4 + ["no"] * 6
PREDICTED = ["yes"] * 3 + ["no"] + ["yes"] * 2 + ["no"] * 4


def test_two_classes():
    scores = class_scores(GOLD, PREDICTED, ["no", "yes"])
    assert scores["accuracy"] == pytest.approx(7 / 10)
    assert scores["f1"] == pytest.approx(2 * 3 / (2 * 3 + 2 + 1))
    assert scores["macro_f1"] == pytest.approx((6 / 9 + 8 / 11) / 2)
    assert scores["matthews"] == pytest.approx((3 * 4 - 2 * 1) / math.sqrt(5 * 4 * 6 * 5))
    assert scores["per_type"]["yes"] == {"precision": pytest.approx(3 / 5), "recall": pytest.approx(3 / 4),
                                         "f1": pytest.approx(6 / 9), "support": 4}
    assert scores["support"] == 10 and set(MAIN_SCORES) <= set(scores)
    assert class_scores(GOLD, PREDICTED, ["yes", "no"])["f1"] == pytest.approx(8 / 11)


def test_more_classes_have_no_f1_of_the_positive_one():
    scores = class_scores(GOLD, PREDICTED, ["no", "yes", "never"])
    assert "f1" not in scores
    assert scores["macro_f1"] == pytest.approx((6 / 9 + 8 / 11) / 2)
    assert scores["per_type"]["never"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}


def test_constant_predictions():
    scores = class_scores(["a", "a", "b"], ["a"] * 3, ["a", "b"])
    assert scores["matthews"] == 0 and scores["f1"] == 0 and scores["accuracy"] == pytest.approx(2 / 3)


def test_one_class_only_makes_no_noise():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = class_scores(["a", "a"], ["a", "a"], ["a", "b"])
    assert scores["accuracy"] == scores["macro_f1"] == 1 and scores["matthews"] == scores["f1"] == 0


def test_languages_are_scored_apart_and_their_mean_has_the_papers_spread():
    def score(gold, predicted):
        right = sum(one == other for one, other in zip(gold, predicted))
        return {"accuracy": right / len(gold), "per_type": {"x": {}}}

    found = with_languages(score, "accuracy", "aabbb", "aaabb", ["de", "fr", "fr", "fr", None])
    assert found == {"accuracy": 0.8, "per_type": {"x": {}},
                     "per_language": {"de": {"accuracy": 1, "sentences": 1},
                                      "fr": {"accuracy": pytest.approx(2 / 3), "sentences": 3}},
                     "mean_accuracy": pytest.approx(5 / 6), "std_accuracy": pytest.approx(1 / 6)}
    assert list(found["per_language"]) == ["de", "fr"]
    assert with_languages(score, "accuracy", "ab", "ab", [None, None]) == {"accuracy": 1, "per_type": {"x": {}}}


def test_probabilities_of_logits():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32) * 300
    np.testing.assert_allclose(softmax(logits), special.softmax(logits.astype(float), -1), rtol=1e-3)
    np.testing.assert_allclose(softmax(logits[0]), special.softmax(logits[:1].astype(float), -1), rtol=1e-3)
    assert softmax(logits).dtype == np.float64
    np.testing.assert_allclose(top_probabilities(logits / 200), special.softmax(logits / 200, -1).max(-1), rtol=1e-5)
    assert top_probabilities(logits.astype(np.float16)).dtype == np.float32


def test_sums_and_tables_of_examples_of_different_lengths():
    assert sums(np.array([1, 2, 4, 8], np.float32), np.array([2, 0, 1, 1])).tolist() == [3, 0, 4, 8]
    table = stacked([np.array([[1, 2]]), np.array([[3, 4], [5, 6], [7, 8]])])
    assert table.dtype == np.float32 and table.tolist() == [
        [[1, 2], [-np.inf, -np.inf], [-np.inf, -np.inf]], [[3, 4], [5, 6], [7, 8]]]


def test_names_of_scores():
    assert scores_named("f1", "accuracy", mse="error") == {"mse": "error", "f1": "F1", "accuracy": "accuracy"}


def test_a_classifier_compares_answers_and_logits():
    task = ClassificationTask(["no", "yes"], "f1")
    answers = [ClassPrediction(label, np.array(values)) for label, values in (
        ("no", [0.9, 0.1]), ("no", [0.6, 0.4]), ("yes", [0.4, 0.6]))]
    assert task.same(answers[0], answers[1]) and not task.same(answers[1], answers[2])
    examples = [TextExample("x", label=label, language="de") for label in ("no", "yes", "yes")]
    assert list(task.confusion_pairs(examples, answers)) == [("no", "no"), ("yes", "no"), ("yes", "yes")]
    with pytest.raises(ValueError):
        list(task.confusion_pairs(examples, answers[:2]))
    assert task.shown_answer(answers[2]) == "yes" and task.shown_answer("no") == "no"
    scores = task.scores(examples, answers)
    assert scores["mean_f1"] == scores["f1"] == pytest.approx(2 / 3) and scores["std_f1"] == 0
    logits = [np.array(row, np.float32) for row in ([1, 3], [2, 0])]
    np.testing.assert_allclose(task.confidence(logits), [1 / (1 + np.exp(-2))] * 2, rtol=1e-6)
    assert len(task.confidence([])) == 0
    assert task.same_logits(logits, [logits[0], logits[0]], 0.0).tolist() == [True, False]
    np.testing.assert_allclose(task.choices(logits[0]), [[1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))]], rtol=1e-6)
    assert task.target("yes") == 1 and task.label_problem("yes") is None
    assert task.label_problem(None) == "no label, expected one of 'no, yes'"
    assert task.label_problem("odd") == "label 'odd', expected one of 'no, yes'"
