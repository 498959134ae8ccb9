"""A model directory is one process's at a time."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from xtremedistil_tf import folder_lock
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs.distil import distil
from xtremedistil_tf.runs.fine_tuning import _of_the_task
from xtremedistil_tf.runs.run import Run, model_dir_lock

HOLD = ("import pathlib, sys; from xtremedistil_tf.runs.run import model_dir_lock\n"
        "with model_dir_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()")


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    config = DistillationConfig(task=str(tmp_path), model_dir=str(tmp_path / "out"), transfer_file="text.txt")
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "out")], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        named = rf"`model_dir=.*out`: process {process.pid} on .* is training in this folder"
        with pytest.raises(ConfigError, match=named):
            distil(config)
        process.kill()
    with model_dir_lock(tmp_path / "out"):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "run.lock").mkdir()
    with pytest.raises(ConfigError, match=r"run\.lock: cannot be written"), model_dir_lock(tmp_path):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, caplog):
    class NoLock:
        lock_file = "x"

        def __init__(self, path):
            pass

        def acquire(self, timeout):
            raise NotImplementedError

    monkeypatch.setattr(folder_lock.filelock, "FileLock", NoLock)
    with model_dir_lock(tmp_path):
        assert "this file system has no locks" in caplog.text


def test_errors_of_what_is_done_meanwhile_come_out(tmp_path):
    with pytest.raises(OSError, match="full") as caught, model_dir_lock(tmp_path):
        raise OSError(28, "full")
    assert not isinstance(caught.value, ConfigError)
    assert os.listdir(tmp_path / "checkpoints") == ["run.lock"]


def test_limits_of_the_first_run_are_not_those_of_another_task(caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    first = DistillationConfig(task="one", max_train_per_language=40, max_test_per_language=5)
    other = _of_the_task(first, "two")
    assert (other.task, other.max_train_per_language, other.max_test_per_language) == ("two", 0, 0) and not caplog.text
    assert _of_the_task(first, "") == _of_the_task(first, "one") == first
    assert "`max_train_per_language=40`, `max_test_per_language=5`" in caplog.text


def test_a_step_that_is_reused_keeps_the_seconds_of_its_making(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("xtremedistil_tf.runs.run.time.monotonic", lambda: now[0])
    run = Run.of(DistillationConfig(task=str(tmp_path), model_dir=str(tmp_path / "out")))

    def step(fingerprint, seconds, reused):
        with run.step("transfer store") as step:
            step.fingerprint, step.reused = fingerprint, reused
            now[0] += seconds
        return run.seconds_of("transfer store")

    assert run.seconds_of("transfer store") == 0
    assert [step("a", 7, False), step("a", 1, True), step("b", 2, True), step("b", 3, False)] == [7, 7, 2, 3]
