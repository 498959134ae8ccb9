"""Nothing remains after a run but in pytest's own folders: no file, no process, no open port. Otherwise the run fails.

Temporary files of the tests and of what they start go to one folder (`TMPDIR`), which is removed at the end. TensorFlow
leaves there the source of its graph functions when a process is killed, as tests do. What else is found there, every
process that carries the mark of this session in its environment and every server of a worker is told at the end; so is,
where nobody else works in it (`CI`), a new file in the checkout.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
#: Carried by all processes of a session.
MARK = "XTREMEDISTIL_TEST_SESSION"
#: Of TensorFlow, in processes that were killed; what torch, multiprocessing, Ray, Chromium, ONNX Runtime and a pytest
#: that a test starts keep there.
_ALLOWED = ("__autograph_generated_file", "torchinductor_", "pymp-", "ray", ".org.chromium", ".com.google", ".ses",
            "pytest-of-")
#: A process that was told to end has as long.
_PATIENCE = float(os.environ.get("XTREMEDISTIL_PATIENCE", 20))
_STATE = pytest.StashKey[dict[str, Any]]()


def pytest_configure(config: pytest.Config) -> None:
    found: list[str] = []
    config.stash[_STATE] = {"found": found}
    if hasattr(config, "workerinput"):
        return
    # pytest's own folders stay where they are.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="xd-"))
    config.stash[_STATE] |= {"folder": folder, "checkout": _untracked()}
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ.update({"TMPDIR": str(folder), MARK: folder.name})
    if len(str(folder)) < 30:  # a socket's path is short
        os.environ["RAY_TMPDIR"] = str(folder)
    tempfile.tempdir = None


@pytest.hookimpl(wrapper=True, trylast=True)  # within those that tell what was found
def pytest_sessionfinish(session: pytest.Session) -> Iterator[Any]:
    config = session.config
    done = yield  # fixtures are taken down, and the workers end
    state = config.stash[_STATE]
    state["found"] += _ports()
    if hasattr(config, "workeroutput"):
        config.workeroutput["leftovers"] = state["found"]
        return done
    state["found"] += _processes(state["folder"].name) + _files(state["folder"])
    state["found"] += [f"{path}: not there before" for path in sorted(_untracked() - state["checkout"])]
    if state["found"]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return done


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_STATE]["found"] += getattr(node, "workeroutput", {}).get("leftovers", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash[_STATE]["found"]
    if found:
        terminalreporter.section("left behind: this run FAILED", red=True)
        for line in found:
            terminalreporter.line(line, red=True)


def _files(folder: pathlib.Path) -> list[str]:
    return [f"{path}: a temporary file that nobody removed" for path in sorted(folder.iterdir())
            if not path.name.startswith(_ALLOWED)]


def _untracked() -> set[str]:
    """What is in the checkout and neither committed nor ignored; nothing where others may work in it."""
    if not os.environ.get("CI"):
        return set()
    words = ["git", "status", "--porcelain", "--untracked-files=all"]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return set()
    return {line[3:] for line in done.stdout.splitlines() if line.startswith("??")}


def _processes(mark: str) -> list[str]:
    """Processes of this session that outlive it; where the system shows their environment (Linux)."""
    until = time.monotonic() + _PATIENCE
    while (found := _marked(mark)) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def _marked(mark: str) -> list[str]:
    found, own = [], {os.getpid(), os.getppid()}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes() and int(folder.name) not in own:
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if "fork_server.py" not in words:  # it ends after this
                    found.append(f"process {folder.name}: {words[:150]}")
        except OSError:
            continue
    return found


def _ports() -> list[str]:
    """TCP ports on which this process still listens (Linux)."""
    own = set()
    for descriptor in pathlib.Path("/proc/self/fd").glob("*"):
        try:
            own.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    found = []
    for table in ("tcp", "tcp6"):
        path = pathlib.Path("/proc/self/net", table)
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == "0A" and fields[9] in own:
                found.append(f"port {int(fields[1].rpartition(':')[2], 16)}: a server that nobody stopped")
    return found
