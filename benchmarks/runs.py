"""Runs of the project's own commands, each in a process of its own: what a benchmark measures is what a user runs."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

log = logging.getLogger(__name__)
ROOT = pathlib.Path(__file__).resolve().parents[1]


def data_folder() -> pathlib.Path:
    """The folder of real data sets.

    Raises:
        SystemExit: no variable names it.
    """
    if "XTREMEDISTIL_DATA" not in os.environ:
        raise SystemExit("error: XTREMEDISTIL_DATA is not set; expected it to name the folder of real data sets.")
    return pathlib.Path(os.environ["XTREMEDISTIL_DATA"]).absolute()


def distil(model_dir: pathlib.Path, flags: Mapping[str, Any], flagfiles: Sequence[str] = ()) -> dict[str, Any]:
    """Runs run_xtreme_distil.py and returns its metrics.json; a finished run is only read.

    Raises:
        SystemExit: the command failed; its log is named.
    """
    command = [sys.executable, "run_xtreme_distil.py", *(f"--flagfile={file}" for file in flagfiles),
               *(f"--{name}={value}" for name, value in flags.items()), f"--model_dir={model_dir}"]
    metrics = model_dir / "metrics.json"
    once(command, metrics, model_dir / "benchmark_command.json", model_dir / "output.log", model_dir.name)
    return json.loads(metrics.read_text(encoding="utf-8"))


def once(command: list[str], result: pathlib.Path, called: pathlib.Path, output: pathlib.Path, name: str) -> None:
    """Runs a command in the project's folder, unless the very same one is done.

    Args:
        command: program and arguments.
        result: the file that it leaves behind.
        called: keeps the command once it is done.
        output: gets what it prints.
        name: of the step, for the log.

    Raises:
        SystemExit: the command failed; its log is named.
    """
    if result.exists() and called.exists() and json.loads(called.read_text()) == command:
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    folders = [str(ROOT), str(ROOT / "benchmarks"), os.environ.get("PYTHONPATH")]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    began = time.monotonic()
    with output.open("ab") as file:
        code = subprocess.run(command, cwd=ROOT, env=environ, stdout=file, stderr=subprocess.STDOUT,
                              check=False).returncode
    if code:
        raise SystemExit(f"{' '.join(command)}\nfailed with exit status {code}; see {output}.")
    called.write_text(json.dumps(command))
    log.info("%s: %.0f s", name, time.monotonic() - began)
