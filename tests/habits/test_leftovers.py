"""A run that leaves something behind fails and says what (tests/plugins/leftovers.py, skips.py)."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[1] / "plugins"
CASES = {
    "nothing": ("def test(tmp_path): (tmp_path / 'x').touch()", ""),
    "file": ("import tempfile\ndef test(): tempfile.mkstemp(prefix='forgotten')", "forgotten"),
    "port": ("import socket\nkept = socket.create_server(('127.0.0.1', 0))\ndef test(): pass", "a server that nobody"),
    "process": ("import subprocess, sys\n"
                "code = 'import os, time\\nwhile os.path.exists(\"alive\"): time.sleep(0.1)'\n"
                "def test(): subprocess.Popen([sys.executable, '-c', code], stdout=-3, stderr=-3)", "process "),
}


def run(folder: pathlib.Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment |= {"PYTHONPATH": str(PLUGINS), "XTREMEDISTIL_PATIENCE": "1", "PYTEST_DEBUG_TEMPROOT": str(folder),
                    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # importing the others took most of the time
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "xdist", "-p", "leftovers", "-p", "skips",
                           "-p", "no:cacheprovider", "--rootdir", str(folder), *options, "test_it.py"], cwd=folder,
                          env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("text, told", CASES.values(), ids=CASES)
@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_is_left_behind_is_told(tmp_path, text, told, workers):
    (tmp_path / "alive").touch()
    done = run(tmp_path, text, "-n", workers)
    (tmp_path / "alive").unlink()
    assert ("left behind" in done.stdout) == (done.returncode == 1) == bool(told), done.stdout
    assert told in done.stdout and "1 passed" in done.stdout


@pytest.mark.parametrize("reason, status", [("needs the extra torch", 1), ("needs real text: XTREMEDISTIL_DATA", 0)])
def test_a_skip_is_told_where_none_may_be(tmp_path, reason, status, monkeypatch):
    monkeypatch.delenv("XTREMEDISTIL_DATA", raising=False)
    text = f"import pytest\n@pytest.mark.skip(reason={reason!r})\ndef test(): pass\ndef test_other(): pass"
    assert run(tmp_path, text).returncode == 0
    done = run(tmp_path, text, "--forbid_skips")
    assert done.returncode == status and (f"test_it.py::test: Skipped: {reason}" in done.stdout) == bool(status)
