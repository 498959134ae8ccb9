"""Agreement of two sets of answers, by hand-made counts."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask


def test_tagging_counts_words():
    task = TaggingTask(["O", "B-X"])
    assert task.agreement([["O", "B-X", "O"], ["O"]], [["O", "O", "O"], ["O"]]) == 0.75
    assert task.agreement([], []) == 1.0


def test_a_missing_answer_is_no_agreement_but_a_fault():
    with pytest.raises(ValueError):
        TaggingTask(["O", "B-X"]).agreement([["O"], ["O"]], [["O"]])


def test_classification_counts_labels():
    class Answer:
        def __init__(self, label):
            self.label, self.probabilities = label, np.zeros(2)

    found = [Answer("a"), Answer("b")]
    assert ClassificationTask(["a", "b"]).agreement(found, [Answer("a"), Answer("a")]) == 0.5


def test_numbers_agree_within_a_hundredth():
    assert RegressionTask().agreement([1.0, 2.0], [1.005, 2.5]) == 0.5
