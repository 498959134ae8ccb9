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

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer import lock
from xtremedistil_tf.transfer.lock import LOCK, writer_lock

HOLD = ("import pathlib, sys, time; from xtremedistil_tf.transfer.lock import writer_lock\n"
        "with writer_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(float(sys.argv[2]))")


@contextlib.contextmanager
def holder(store, seconds):
    """Another process that holds the lock for some time."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(store), str(seconds)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_lock_names_its_owner_and_is_gone_afterwards(tmp_path):
    with writer_lock(tmp_path):
        owner = json.loads((tmp_path / LOCK).read_text())
        assert (owner["process"], owner["machine"]) == (os.getpid(), socket.gethostname())
    assert list(tmp_path.iterdir()) == []


def test_it_is_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), writer_lock(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_living_owner_is_waited_for_with_a_message(tmp_path, caplog):
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    with holder(tmp_path, 1.5) as process, writer_lock(tmp_path):
        assert process.wait(30) == 0  # it had finished by itself
        assert f"process {process.pid} on {socket.gethostname()} has been writing it" in caplog.text


def test_the_lock_of_a_killed_process_is_taken_over_without_waiting_for_silence(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(lock, "_SILENCE_SECONDS", 3600)
    caplog.set_level(logging.INFO, "xtremedistil_tf")
    with holder(tmp_path, 600) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert (tmp_path / LOCK).exists()
        with writer_lock(tmp_path):
            assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()
    assert "ended without finishing" in caplog.text and list(tmp_path.iterdir()) == []


def left_by(store, **owner):
    (store / LOCK).write_text(json.dumps({"process": 1, "machine": "elsewhere", "token": "t"} | owner))


@pytest.mark.parametrize("content", ["elsewhere", "garbage"])
def test_a_lock_that_nobody_touches_is_taken_over_after_the_silence(tmp_path, monkeypatch, content):
    monkeypatch.setattr(lock, "_SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.01)
    left_by(tmp_path) if content == "elsewhere" else (tmp_path / LOCK).write_text("{")
    with writer_lock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_a_lock_of_another_machine_that_is_touched_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.01)
    left_by(tmp_path)
    touches, stop = [], threading.Event()

    def beat():
        while not stop.wait(0.05):
            touches.append(os.utime(tmp_path / LOCK))
            if len(touches) == 50:
                (tmp_path / LOCK).unlink()
                return

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with writer_lock(tmp_path):
            assert len(touches) == 50
    finally:
        stop.set()
        beating.join()


def test_the_owner_touches_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_BEAT_SECONDS", 0.01)
    with writer_lock(tmp_path):
        os.utime(tmp_path / LOCK, (0, 0))
        until = time.monotonic() + 30
        while (tmp_path / LOCK).stat().st_mtime == 0 and time.monotonic() < until:
            time.sleep(0.01)
        assert (tmp_path / LOCK).stat().st_mtime > 0


def test_one_who_lost_the_lock_leaves_the_new_owners(tmp_path):
    with writer_lock(tmp_path):
        left_by(tmp_path, token="another")
    assert json.loads((tmp_path / LOCK).read_text())["token"] == "another"


def test_many_contenders_for_a_dead_processes_lock_never_hold_it_together(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_POLL_SECONDS", 0.001)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
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

    left_by(tmp_path, process=dead.pid, machine=socket.gethostname())
    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [1] and len(entered) == 8


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(TransferStoreError, match="cannot be written"), writer_lock(tmp_path / "missing"):
        pass
