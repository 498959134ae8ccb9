"""A `python` for the commands that tests start: a fork of one process that has imported the frameworks already.

Starting Python, TensorFlow and transformers takes ten seconds of work, what most of these commands do afterwards less.
The fixture `python` is a program to put in the place of `sys.executable`. Whoever runs it has a process of its own as
always: its arguments, folder, environment, standard streams, exit status and signals, SIGKILL among them, are those of
the command. Two things differ, so a test of either uses `sys.executable`: modules are imported before the command
begins, and all commands of a session share one seed of hashes.

    python fork_server.py SOCKET                    # the process that forks; it ends with its standard input
    python forked_command.py SOCKET run_x.py ...    # what `python` runs: asks for a fork and stands for it
"""

from __future__ import annotations

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

_HERE = pathlib.Path(__file__).parent
_PYTHON = "XTREMEDISTIL_FORKED_PYTHON"


class _Server:
    """The process that forks, and the program that asks it to."""

    def __init__(self) -> None:
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="forks-"))
        socket = self._folder / "socket"
        self.python = self._folder / "python"
        # -I and -S: the program itself needs nothing that takes time to find.
        words = [sys.executable, "-I", "-S", str(_HERE / "forked_command.py"), str(socket)]
        self.python.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        self.python.chmod(0o755)
        with open(self._folder / "log", "w", encoding="utf-8") as log:  # TensorFlow talks while it is imported
            self._process = subprocess.Popen([sys.executable, str(_HERE / "fork_server.py"), str(socket)],
                                             stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=_HERE.parents[1])
        while not socket.exists() and self._process.poll() is None:
            time.sleep(0.01)

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        shutil.rmtree(self._folder)


def pytest_configure(config: pytest.Config) -> None:
    """Workers use the server of the process that started them."""
    if not hasattr(config, "workerinput"):
        config.stash[_SERVER] = _Server()
        os.environ[_PYTHON] = str(config.stash[_SERVER].python)


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_SERVER, None)
    if server:
        server.stop()
        os.environ.pop(_PYTHON)


_SERVER = pytest.StashKey[_Server]()


@pytest.fixture(scope="session")
def python() -> str:
    """A `python` that has imported the frameworks when a command begins; see the module."""
    return os.environ[_PYTHON]
