"""Tasks by name."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from xtremedistil_tf.config.fields import TASK_KINDS
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import KINDS, kind_of_outputs, make_task


@pytest.mark.parametrize("kind, labels, outputs, per_piece", [
    ("tagging", ["O", "B-X", "I-X"], 3, True), ("classification", ["a", "b"], 2, False),
    ("regression", ["score"], 1, False), ("question_answering", ["start", "end"], 2, True),
    ("multi_label", ["a", "b", "c"], 3, False)])
def test_every_kind(kind, labels, outputs, per_piece):
    task = make_task(kind, labels)
    assert (task.kind, task.num_outputs, task.per_piece) == (kind, outputs, per_piece)
    assert next(iter(task.text_columns)) == "input_ids"
    assert not set(task.text_columns) & set(task.label_columns)
    assert make_task(kind, labels, **json.loads(json.dumps(task.options))).options == task.options
    assert (task.scored_by, task.calibrated([], list).options) == ({"decoding": "legal"} if kind == "tagging" else {},
                                                                   task.options)


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_kind_says_and_offers(kind):
    task = KINDS[kind]
    assert task.words.name and task.words.does and task.words.scores and task.module("formats").SHOW
    assert task.raw_text.telling <= task.raw_text.needed <= set(task.raw_text.outputs)
    assert kind_of_outputs(task.raw_text.outputs) == kind
    assert kind_of_outputs(task.raw_text.needed) == kind
    assert "multi_label" not in task.described(["a", "b"], False) and task.files(False).formats


def test_what_no_kind_answers():
    assert kind_of_outputs(["logits"]) is None


def test_kinds_import_no_tensorflow():
    code = "import sys; from xtremedistil_tf.tasks.registry import KINDS; [*KINDS.values()]; " \
           "sys.exit('tensorflow' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_the_flag_offers_every_kind():
    assert ("auto", *KINDS) == TASK_KINDS


def test_options_go_to_the_task():
    assert make_task("question_answering", ["start", "end"], version_2=True).version_2
    assert make_task("classification", ["a", "b"], main_score="f1").main_score == "f1"


def test_refusals():
    with pytest.raises(ConfigError, match=f"`task_kind=parsing`: expected one of {', '.join(KINDS)}"):
        make_task("parsing", [])
    with pytest.raises(ConfigError, match="`version_2=True`: `task_kind=classification` has no such setting"):
        make_task("classification", ["a", "b"], version_2=True)
