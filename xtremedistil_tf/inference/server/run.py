"""Serving a model directory until a signal ends it."""

from __future__ import annotations

import importlib.util
import json
import logging
import pathlib
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import MissingExtraError
from xtremedistil_tf.inference.server.api import PREFIX, Api
from xtremedistil_tf.inference.server.model import ServedModel

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(config: ServeConfig, load: Callable[[pathlib.Path], ServedModel]) -> bool:
    """Serves a model until SIGINT or SIGTERM; a second signal ends the process at once.

    Args:
        config: what to serve, where, and how much it takes.
        load: opens the model directory.

    Returns:
        Whether every request in work was answered.

    Raises:
        MissingExtraError: starlette or uvicorn is not installed.
        ConfigError: the address cannot be listened at.
        XtremeDistilError: whatever `load` raises.
    """
    for package in ("starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "server", "the local server")
    from xtremedistil_tf.inference.server.local_server import LocalServer

    stopped = _stop_signal()
    # Before the model, which takes seconds to load: a port in use is told at once.
    server = LocalServer(config)
    try:
        model = load(pathlib.Path(config.model_dir))
        _warm_up(model)
        if not stopped.is_set():
            server.start(Api(model, config))
            print(_welcome(server.url, model, config), flush=True)
        while not stopped.wait(1):  # without a limit, Windows would not notice Ctrl-C
            pass
        log.info("stopping")
    finally:
        left = server.stop()
    if left:
        log.warning("%d connections were still at work after %g s", left, config.shutdown_seconds)
    return not left


def _stop_signal() -> threading.Event:
    stopped = threading.Event()

    def stop(number: int, frame: Any) -> None:
        stopped.set()
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    for each in _SIGNALS:
        signal.signal(each, stop)
    return stopped


def _warm_up(model: ServedModel) -> None:
    """Shows that the model works, and builds what later calls use: a Keras student's graph is traced for the
    first shape, and for any shape once another one comes."""
    for count in (1, 2):
        model.default.call({name: np.array([" ".join([text] * count).encode()] * count, object)
                            for name, text in model.example.items()})


def _welcome(url: str, model: ServedModel, config: ServeConfig) -> str:
    example = model.example
    instance = example if len(example) > 1 else next(iter(example.values()))
    body = json.dumps({"instances": [instance]}, ensure_ascii=False)
    return (f"Serving {config.serving_name} ({model.kind.replace('_', ' ')}, {model.source}) at {url}\n"
            f"  in a browser: {url}\n"
            f"  curl -d '{body}' \\\n    {url.rstrip('/')}{PREFIX}{config.serving_name}:predict\n"
            "Ctrl-C stops it.")
