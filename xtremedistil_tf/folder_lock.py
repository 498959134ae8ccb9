"""One process at a time in a folder, and none that waits for the dead."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import filelock

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.errors import XtremeDistilError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


@contextlib.contextmanager
def folder_lock(folder: pathlib.Path, name: str, busy: Callable[[str], Any],
                error: type[XtremeDistilError]) -> Iterator[None]:
    """Holds a folder. The lock of a killed process is free.

    Several machines exclude one another where their shared file system supports flock(2), as NFS does. Where a file
    system has no locks, a warning says so, and nothing is excluded.

    Args:
        folder: which must exist.
        name: of the file that is locked, `<name>.lock`; `<name>.json` says meanwhile who holds it.
        busy: called with the owner's name where another process holds the folder. It raises, or this waits.
        error: to raise where the folder cannot be written.
    """
    lock, owner = filelock.FileLock(folder / f"{name}.lock"), folder / f"{name}.json"
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            busy(_named(owner))
            lock.acquire(poll_interval=_POLL_SECONDS)
    except OSError as found:
        raise error(f"{lock.lock_file}: cannot be written ({found.strerror}). Give a folder that is "
                    "writable.") from found
    except NotImplementedError:  # what filelock makes of ENOSYS
        log.warning("%s: this file system has no locks. Do not let two processes write into it at once", folder)
        yield
        return
    try:
        write_json(owner, {"process": os.getpid(), "machine": socket.gethostname(),
                           "since": time.strftime("%Y-%m-%d %H:%M:%S")})
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _named(owner: pathlib.Path) -> str:
    try:
        facts = read_json(owner)
        return f"process {facts['process']} on {facts['machine']} (since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
