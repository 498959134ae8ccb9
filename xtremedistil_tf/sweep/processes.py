"""Runs of a sweep, each in a process of its own: memory and seeds are those of a run that a user starts."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from xtremedistil_tf.errors import XtremeDistilError

_ROOT = pathlib.Path(__file__).resolve().parents[2]


def module(name: str) -> list[str]:
    """What runs a module of the package."""
    return ["-m", f"xtremedistil_tf.{name}"]


def command(script: str, name: str) -> list[str]:
    """What runs a command of the package, whether its script is here or not.

    Args:
        script: the name that the command has for itself.
        name: of the module in `xtremedistil_tf.cli`.
    """
    code = f"import sys; from xtremedistil_tf.cli.{name} import main; sys.argv[0] = {script!r}; main()"
    return ["-c", code]


def run_process(words: Sequence[str], log_file: pathlib.Path) -> str:
    """Runs Python with these words and returns what it printed; all its output goes into a log.

    Raises:
        XtremeDistilError: it failed; the message is the last line of its log.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        done = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, stderr=log, check=False,
                              env=environment())
    if done.returncode:
        raise XtremeDistilError(f"{_last_line(log_file) or 'no message'} (exit status {done.returncode}; see "
                                f"{log_file})")
    with log_file.open("ab") as log:
        log.write(done.stdout)
    return done.stdout.decode("utf-8", "replace")


def environment() -> dict[str, str]:
    """The environment of a child that imports this package wherever it is started."""
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"}


def _last_line(log_file: pathlib.Path) -> str:
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("error: ") if lines else ""
