"""Scores of classifiers against counts made by hand."""

from __future__ import annotations

import math
import warnings

import pytest

from xtremedistil_tf.tasks.classification.task import MAIN_SCORES, class_scores

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
