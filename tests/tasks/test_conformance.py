"""What every kind of task must do, see `tests/plugins/conformance/task_kinds.py`."""

from __future__ import annotations

import numpy as np
import pytest
from conformance.task_kinds import run_task_kind_test

from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.registry import KINDS
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

CONTEXT = "anna met boris in paris"


def ends(row):
    """Logits of the first and of the last piece of an answer."""
    places = np.array([row["start_positions"], row["end_positions"]])
    return 20.0 * (np.arange(len(row["input_ids"]))[:, None] == places)


CASES = {
    "tagging": (TaggingTask(["O", "B-LOC", "I-LOC", "B-PER"], "precision", "argmax"),
                [Example(("anna", "in", "paris"), ("B-PER", "O", "B-LOC")), Example(("москва",), ("B-LOC",)),
                 Example(("old", "wien", "left"), ("B-LOC", "I-LOC", "O"))],
                lambda row: 20.0 * np.eye(4)[row["labels"]]),
    "classification": (ClassificationTask(["bad", "fair", "gut ✓"], "macro_f1"),
                       [TextExample("anna met", None, "fair"), TextExample("paris", None, "gut ✓"),
                        TextExample("the old house", None, "bad")], lambda row: 20.0 * np.eye(3)[row["labels"]]),
    "regression": (RegressionTask(["score"], "spearman"),
                   [TextExample("anna met", "boris", -1.5), TextExample("paris", "oslo", 2.25),
                    TextExample("the", "house", 0.5)], lambda row: np.atleast_1d(row["labels"])),
    "question_answering": (QuestionAnsweringTask(version_2=True, null_threshold=0.5, main_score="exact_match"),
                           [QuestionExample("1", "who ?", CONTEXT, (Answer("boris", 9),)),
                            QuestionExample("2", "where ?", CONTEXT, (Answer("in paris", 15),)),
                            QuestionExample("3", "near ?", CONTEXT, ())], ends),
    "multi_label": (MultiLabelTask(["bad", "gut ✓"], "subset_accuracy", [0.4, 0.6]),
                    [TextExample("anna met", None, ("bad", "gut ✓")), TextExample("paris", None, ()),
                     TextExample("the house", None, ("gut ✓",))], lambda row: 40.0 * row["labels"] - 20)}


def test_every_kind_is_here():
    assert CASES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", CASES)
def test_kind(kind, tiny_tokenizer, tmp_path):
    run_task_kind_test(*CASES[kind], tiny_tokenizer, tmp_path)
