"""One writer to a store: a lock file that names its owner, and that others can tell to be left over.

The lock is left over if its owner was a process of this machine that no longer lives, or if nobody has touched
it for two minutes while somebody was watching (its owner does so every ten seconds; clocks are not compared).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pathlib
import socket
import threading
import time
import uuid
from typing import Iterator

from xtremedistil_tf.errors import TransferStoreError

log = logging.getLogger(__name__)

LOCK = "writer.lock"
_BEAT_SECONDS = 10.0
_SILENCE_SECONDS = 120.0
_POLL_SECONDS = 0.5


@contextlib.contextmanager
def writer_lock(store: pathlib.Path) -> Iterator[None]:
    """Holds a store for writing; waits, with a message, while another process does.

    Args:
        store: folder of the store, which must exist.
    """
    path, token = store / LOCK, uuid.uuid4().hex
    owner = {"process": os.getpid(), "machine": socket.gethostname(), "token": token,
             "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    waiting = _Waiting(path)
    while not _created(path, owner):
        waiting.look()
    done = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, done), daemon=True, name="writer-lock")
    beating.start()
    try:
        yield
    finally:
        done.set()
        beating.join()
        if _owner(path).get("token") == token:
            path.unlink(missing_ok=True)


class _Waiting:
    """Watches a lock that somebody else holds, and takes it away once it is left over."""

    def __init__(self, path: pathlib.Path):
        self._path = path
        self._seen: tuple[str, int] | None = None
        self._since = 0.0

    def look(self) -> None:
        """Looks once and sleeps a little if there is somebody to wait for."""
        try:
            touched = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        owner = _owner(self._path)
        if (owner.get("token"), touched) != self._seen:
            if owner and (self._seen is None or owner["token"] != self._seen[0]):
                log.info("transfer store %s: process %s on %s has been writing it since %s; waiting for it to "
                         "finish", self._path.parent, owner.get("process"), owner.get("machine"),
                         owner.get("since"))
            self._seen, self._since = (owner.get("token"), touched), time.monotonic()
        if _is_dead(owner) or time.monotonic() - self._since > _SILENCE_SECONDS:
            log.info("transfer store %s: process %s on %s ended without finishing; going on in its place",
                     self._path.parent, owner.get("process"), owner.get("machine"))
            self._take_away(owner)
        else:
            time.sleep(_POLL_SECONDS)

    def _take_away(self, owner: dict) -> None:
        # Somebody else may have done so first and hold a new lock by now: look again at what was renamed.
        aside = self._path.with_name(f".old-{uuid.uuid4().hex}-{LOCK}")
        try:
            os.rename(self._path, aside)
        except FileNotFoundError:
            return
        if _owner(aside).get("token") == owner.get("token"):
            aside.unlink(missing_ok=True)
        else:
            os.replace(aside, self._path)


def _created(path: pathlib.Path, owner: dict) -> bool:
    """Makes the lock file unless there is one."""
    try:
        with open(path, "x", encoding="utf-8") as lock:
            json.dump(owner, lock)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        raise TransferStoreError(f"{path}: cannot be written ({error.strerror}), so the store cannot be "
                                 "either.") from error


def _owner(path: pathlib.Path) -> dict:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _is_dead(owner: dict) -> bool:
    """Whether the owner was a process of this machine that is no more."""
    if owner.get("machine") != socket.gethostname() or os.name != "posix":
        return False
    try:
        os.kill(int(owner["process"]), 0)
    except ProcessLookupError:
        return True
    except (KeyError, ValueError, OSError):
        return False
    return False


def _beat(path: pathlib.Path, done: threading.Event) -> None:
    while not done.wait(_BEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)
