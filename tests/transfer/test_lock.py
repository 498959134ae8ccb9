"""One writer at a time, and none that waits for the dead. Other processes are real ones."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from xtremedistil_tf import folder_lock as lock
from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.shards import LOCK, OWNER, writer_lock

HOLD = ("import pathlib, sys, time; from xtremedistil_tf.transfer.shards import writer_lock\n"
        "with writer_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(float(sys.argv[2]))")


@contextlib.contextmanager
def holder(store, seconds):
    """Another process that holds the lock for some time."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(store), str(seconds)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_owner_is_named_while_it_writes(tmp_path):
    with writer_lock(tmp_path):
        owner = json.loads((tmp_path / OWNER).read_text())
        assert (owner["process"], owner["machine"]) == (os.getpid(), socket.gethostname())
    assert [file.name for file in tmp_path.iterdir()] == [LOCK]


def test_it_is_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), writer_lock(tmp_path):
        raise KeyError
    with holder(tmp_path, 0):
        pass


def test_a_living_owner_is_waited_for_with_a_message(tmp_path, caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    with holder(tmp_path, 1.5) as process, writer_lock(tmp_path):
        assert process.wait(30) == 0  # it had finished by itself
        assert f"process {process.pid} on {socket.gethostname()} (since" in caplog.text


def test_the_lock_of_a_killed_process_is_free(tmp_path, caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    with holder(tmp_path, 600) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        with writer_lock(tmp_path):
            assert json.loads((tmp_path / OWNER).read_text())["process"] == os.getpid()
    assert caplog.text == ""


def test_one_that_is_killed_while_another_waits_is_followed_by_it(tmp_path):
    with holder(tmp_path, 600) as process:
        threading.Timer(0.5, process.kill).start()
        with writer_lock(tmp_path):
            assert process.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("content", ["{", "{}", "[1]"])
def test_a_damaged_name_of_the_owner_does_not_matter(tmp_path, caplog, content):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    with holder(tmp_path, 1.5):
        (tmp_path / OWNER).write_text(content)
        with writer_lock(tmp_path):
            assert "another process is writing it" in caplog.text


def test_many_contenders_for_a_lock_after_a_killed_process_never_hold_it_together(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.001)
    with holder(tmp_path, 600) as process:
        process.kill()
    inside, most, entered = [0], [0], []
    guard = threading.Lock()

    def contend():
        with writer_lock(tmp_path):
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            with guard:
                inside[0] -= 1
            entered.append(1)

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] and len(entered) == 8


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TransferStoreError, match="cannot be written"), writer_lock(tmp_path / "file"):
        pass
