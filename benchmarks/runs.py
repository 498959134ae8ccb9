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
    called = model_dir / "benchmark_command.json"
    if not (metrics.exists() and called.exists() and json.loads(called.read_text()) == command):
        _run(command, model_dir)
        called.write_text(json.dumps(command))
    return json.loads(metrics.read_text(encoding="utf-8"))


def _run(command: list[str], model_dir: pathlib.Path) -> None:
    model_dir.mkdir(parents=True, exist_ok=True)
    output, begun = model_dir / "output.log", time.monotonic()
    with output.open("ab") as file:
        code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        raise SystemExit(f"{' '.join(command)}\nfailed with exit status {code}; see {output}.")
    log.info("%s: %.0f s", model_dir.name, time.monotonic() - begun)
