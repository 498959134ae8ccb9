"""Tasks by name."""

from __future__ import annotations

import pytest

from xtremedistil_tf.config.fields import TASK_KINDS
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import KINDS, make_task


@pytest.mark.parametrize("kind, labels, outputs, per_piece", [
    ("tagging", ["O", "B-X", "I-X"], 3, True), ("classification", ["a", "b"], 2, False),
    ("regression", ["score"], 1, False), ("question_answering", ["start", "end"], 2, True)])
def test_every_kind(kind, labels, outputs, per_piece):
    task = make_task(kind, labels)
    assert (task.kind, task.num_outputs, task.per_piece) == (kind, outputs, per_piece)
    assert next(iter(task.text_columns)) == "input_ids"
    assert not set(task.text_columns) & set(task.label_columns)


def test_the_flag_offers_every_kind():
    assert ("auto", *KINDS) == TASK_KINDS


def test_options_go_to_the_task():
    assert make_task("question_answering", ["start", "end"], version_2=True).version_2
    assert make_task("classification", ["a", "b"], main_score="f1").main_score == "f1"


def test_refusals():
    with pytest.raises(ConfigError, match=f"--task_kind=parsing: expected one of {', '.join(KINDS)}"):
        make_task("parsing", [])
    with pytest.raises(ConfigError, match="version_2=True: --task_kind=classification has no such setting"):
        make_task("classification", ["a", "b"], version_2=True)
