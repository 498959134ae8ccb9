"""A new version of the model in the place of the old one, while requests go on."""

from __future__ import annotations

import logging
import pathlib
import threading
from collections.abc import Callable

from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.loading import warm_up
from xtremedistil_tf.inference.server.model import ServedModel
from xtremedistil_tf.students.metadata import CONFIG_FILE, EXPORT

log = logging.getLogger(__name__)

_Stamp = tuple[tuple[str, int, int], ...]


class Reloader:
    """Loads the model directory anew, and replaces what is served once the new model has answered.

    Args:
        api: whose model is replaced.
        model_dir: where it is read; a link may be set to another folder.
        load: opens it.
        watch_seconds: between two looks; 0: none.
        on_reload: called with `ok` or `failed`.
    """

    def __init__(self, api: Api, model_dir: pathlib.Path, load: Callable[[pathlib.Path], ServedModel],
                 watch_seconds: float, on_reload: Callable[[str], None] = lambda result: None):
        self._api, self._model_dir, self._load, self._on_reload = api, model_dir, load, on_reload
        self.watch_seconds = watch_seconds
        self.asked = threading.Event()
        self._served = self._seen = _stamp(model_dir)

    def look(self) -> None:
        """Reloads where that was asked for, or where the directory has changed and is written no more."""
        now = _stamp(self._model_dir)
        # What has changed since the last look may still be being written.
        settled, self._seen = now == self._seen, now
        changed = bool(self.watch_seconds) and settled and now and now != self._served
        if self.asked.is_set() or changed:
            self.asked.clear()
            self._reload(now)

    def _reload(self, stamp: _Stamp) -> None:
        self._served = stamp
        try:
            model = self._load(self._model_dir)
            warm_up(model)
            if (model.kind, model.inputs) != (self._api.model.kind, self._api.model.inputs):
                log.warning("the new version is of another kind of task: %s, was %s", model.kind, self._api.model.kind)
        except Exception as error:  # whatever it is, the old version goes on
            known = isinstance(error, XtremeDistilError)
            log.error("the new version is not served: %s", error, exc_info=None if known else error)
            self._on_reload("failed")
            return
        self._api.replace(model)
        self._on_reload("ok")
        log.info("version %d is served: %s", self._api.version, model.source)


def _stamp(model_dir: pathlib.Path) -> _Stamp:
    """What tells one state of the directory from another: names, sizes and times of its files."""
    found = []
    try:
        for folder in (model_dir, *(path for path in (model_dir / EXPORT).glob("*") if path.is_dir())):
            for path in sorted(folder.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    stat = path.stat()
                    found.append((str(path.resolve()), stat.st_size, stat.st_mtime_ns))
        return tuple(found) if (model_dir / CONFIG_FILE).is_file() else ()
    except OSError:  # it is being written
        return ()
