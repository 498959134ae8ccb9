"""What a measurement returns, with models whose answers and costs are given."""

from __future__ import annotations

import json

import pytest

from xtremedistil_tf.corpus.example import Example, TextExample
from xtremedistil_tf.evaluation import measuring
from xtremedistil_tf.evaluation.measuring import Measured, measure
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TASK = TaggingTask(["O", "B-X"])
EXAMPLES = [Example(("a", "b"), ("O", "B-X")), Example(("c",), ("B-X",))]
RIGHT, HALF = [["O", "B-X"], ["B-X"]], [["O", "B-X"], ["O"]]
COSTS = {"parameters": 10, "parameters_seen_pieces": 5,
         "latency": {"batch_1": {"median_ms": 1.0}, "batch_32": {"median_ms": 2.0}}}


@pytest.fixture
def asked(monkeypatch):
    """Models are their answers; the list has one entry for each time that one is run."""
    runs = []

    def answers(model, *_):
        runs.append(model)
        return model

    for name in ("teacher_answers", "student_answers"):
        monkeypatch.setattr(measuring, name, answers)
    for name in ("teacher_costs", "student_costs"):
        monkeypatch.setattr(measuring, name, lambda *_: dict(COSTS))
    return runs


def test_teacher_and_students_are_run_once_and_compared(asked):
    students = {"student": (HALF, None), "direct_baseline": (HALF, None)}
    found = measure(Measured(RIGHT, None, students, TASK, 8, 5), EXAMPLES)
    assert asked == [RIGHT, HALF, HALF]
    assert list(found) == ["teacher", "student", "direct_baseline", "retention", "confusion", "disagreements"]
    assert found["teacher"]["f1"] == 1.0 and found["student"]["recall"] == 0.5
    assert found["student"]["parameters"] == 10
    assert found["confusion"] == {"teacher": {"O": {"O": 1}, "B-X": {"B-X": 2}},
                                  "student": {"O": {"O": 1}, "B-X": {"O": 1, "B-X": 1}}}
    differ = found["disagreements"]
    assert (differ["agreement"], differ["examples"], differ["differ"]) == (pytest.approx(2 / 3), 2, 1)
    assert json.loads(json.dumps(found)) == found


def test_without_a_teacher_there_is_nothing_to_disagree_with(asked):
    measured = Measured(None, None, {"student": (HALF, None)}, TASK, 8, 5)
    found = measure(measured, EXAMPLES, {"more": EXAMPLES})
    assert list(found) == ["student", "confusion", "extra"] and list(found["confusion"]) == ["student"]
    assert asked == [HALF, HALF] and found["extra"] == {"more": {"student": found["student"]["f1"]}}


def test_numbers_have_no_confusion(asked):
    task, examples = RegressionTask(), [TextExample(f"t{i}", label=float(i)) for i in range(4)]
    students = {"student": ([0.5, 1.0, 2.0, 4.0], None)}
    found = measure(Measured([0.0, 1.0, 2.0, 3.0], None, students, task, 8, 5), examples)
    assert "confusion" not in found and found["disagreements"]["agreement"] == 0.5
    assert [row["student"] for row in found["disagreements"]["shown"]] == [4.0, 0.5]
