"""`xtreme-distil`: its verbs, the search for flags, and the flag file of a new task."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.verbs import COMMANDS, main, matching_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.tasks.registry import KINDS


@pytest.fixture
def call(monkeypatch, capsys):
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["xtreme-distil", *words])
        try:
            main()
            status = 0
        except SystemExit as left:
            status = left.code or 0
        return status, *capsys.readouterr()

    return call


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_every_verb_has_its_help(call, command):
    status, out, _ = call(command.verb, "--help")
    assert status == 0 and out.startswith(command.summary)
    assert command.summary in call("--help")[1]


def test_flags_without_a_verb_distil_and_unknown_verbs_are_refused(call):
    assert call("--help")[0] == 0
    status, _, error = call("--seq_len=1")
    assert status == 2 and "--seq_len=1: expected at least 4" in error and "--task is required" in error
    status, _, error = call("distill")
    assert status == 2 and "distill: no such verb. Expected one of distil, predict" in error
    assert call()[0] == 2


def test_flags_are_found_by_words_of_their_help():
    found = matching_flags(["vocabulary", "trained"])
    assert "--student_vocab_type" in found and "--port" not in found
    assert "no flag has zyx" in matching_flags(["zyx"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_task_gets_a_flag_file_that_is_accepted(call, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    status, out, _ = call("new", "reviews", f"--kind={kind}")
    line = KINDS[kind].words.line.replace("`do_pairwise`", "--do_pairwise")
    assert status == 0 and "reviews/train." in out and line in out and KINDS[kind].words.line_example
    config = parse_flags(DistillationConfig, ["x", "--flagfile=reviews.cfg"], "")
    assert (config.task, config.task_kind, config.model_dir) == ("reviews", kind, "out/reviews")
    text = pathlib.Path("reviews.cfg").read_text(encoding="utf-8")
    assert not re.search(r"^--(\w+)=.*\n--\1=", text, re.MULTILINE) and text.count("#") > 8
    status, _, error = call("new", "reviews")
    assert status == 2 and "reviews.cfg: already exists" in error
