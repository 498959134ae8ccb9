"""Serve a distilled student on this machine: TensorFlow Serving's REST API and a page to try it.

Needs --model_dir and the extra `server`. Stops on Ctrl-C or SIGTERM after it has answered the pending requests.

  python run_xtreme_distil_serve.py --model_dir=out
  curl -d '{"instances": ["Ada Lovelace was born in London ."]}' \\
    http://127.0.0.1:8501/v1/models/xtremedistil:predict
"""

from __future__ import annotations

import os
import pathlib
import sys

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.cli.main import prepare_tensorflow, run_command
from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.model import ServedModel, load_model
from xtremedistil_tf.inference.server.run import run


def job(argv: list[str]) -> None:
    if not run(parse_flags(ServeConfig, argv, __doc__), _load):
        # A thread is still inside TensorFlow: taking the interpreter down under it may crash.
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(0)


def _load(model_dir: pathlib.Path) -> ServedModel:
    prepare_tensorflow(ServeConfig, deterministic=False)
    return load_model(model_dir)


def main() -> None:
    run_command(job, ServeConfig)
