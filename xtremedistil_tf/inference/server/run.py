"""Serving a model directory until a signal ends it."""

from __future__ import annotations

import importlib.util
import json
import logging
import pathlib
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import MissingExtraError
from xtremedistil_tf.inference.server.api import PREFIX, Api
from xtremedistil_tf.inference.server.model import ServedModel

if TYPE_CHECKING:
    from xtremedistil_tf.inference.server.reloading import Reloader

log = logging.getLogger(__name__)

_SWITCH_SECONDS = 0.0005
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(config: ServeConfig, load: Callable[[pathlib.Path], ServedModel]) -> bool:
    """Serves a model until SIGINT or SIGTERM; a second signal ends the process at once. SIGHUP loads it anew.

    Args:
        config: what to serve, where, and how much it takes.
        load: opens the model directory.

    Returns:
        Whether every request in work was answered.

    Raises:
        MissingExtraError: starlette, uvicorn or prometheus_client is not installed.
        ConfigError: the address cannot be listened at.
        XtremeDistilError: whatever `load` raises.
    """
    for package in ("starlette", "uvicorn", "prometheus_client"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "server", "the local server")
    from xtremedistil_tf.inference.server.loading import warm_up
    from xtremedistil_tf.inference.server.local_server import LocalServer
    from xtremedistil_tf.inference.server.reloading import Reloader

    # Connections are answered in one thread, and wait for the interpreter while another one splits a long text.
    sys.setswitchinterval(_SWITCH_SECONDS)
    stopped = _stop_signal()
    # Before the model, which takes seconds to load: a port in use is told at once.
    server = LocalServer(config)
    model_dir = pathlib.Path(config.model_dir)
    try:
        model = load(model_dir)
        warm_up(model)
        api = Api(model, config)
        reloader = Reloader(api, model_dir, load, config.watch_seconds, lambda result: server.metrics.reload(result))
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda number, frame: reloader.asked.set())
        if not stopped.is_set():
            server.start(api)
            print(_welcome(server.url, model, config), flush=True)
        _wait(stopped, reloader)
        log.info("stopping")
    finally:
        left = server.stop()
    if left:
        log.warning("%d connections were still at work after %g s", left, config.shutdown_seconds)
    return not left


def _wait(stopped: threading.Event, reloader: Reloader) -> None:
    pause = min(1.0, reloader.watch_seconds or 1.0)
    since = 0.0
    while not stopped.wait(pause):  # without a limit, Windows would not notice Ctrl-C
        since += pause
        if reloader.asked.is_set() or (reloader.watch_seconds and since >= reloader.watch_seconds):
            since = 0.0
            reloader.look()


def _stop_signal() -> threading.Event:
    stopped = threading.Event()

    def stop(number: int, frame: Any) -> None:
        stopped.set()
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    for each in _SIGNALS:
        signal.signal(each, stop)
    return stopped


def _welcome(url: str, model: ServedModel, config: ServeConfig) -> str:
    example = model.example
    key = " -H 'Authorization: Bearer <key>'" if config.api_key_file else ""
    code = "Loading it ran what its SavedModel holds: open only what you trust.\n" if model.runs_code else ""
    instance = example if len(example) > 1 else next(iter(example.values()))
    body = json.dumps({"instances": [instance]}, ensure_ascii=False)
    address = f"{url.rstrip('/')}{PREFIX}{config.serving_name}:predict"
    return (f"Serving {config.serving_name} ({model.kind.replace('_', ' ')}, {model.source}) at {url}\n"
            f"  in a browser: {url}\n"
            f"  curl{key} -H 'Content-Type: application/json' -d '{body}' \\\n    {address}\n"
            f"{code}Ctrl-C stops it.")
