"""One process at a time in a folder, and none that waits for the dead."""

from __future__ import annotations

import contextlib
import errno
import inspect
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
#: What flock(2) answers where a file system has no locks, such as some network drives.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}


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
    lock, owner = _lock(folder / f"{name}.lock"), folder / f"{name}.json"
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            busy(_named(owner))
            lock.acquire(poll_interval=_POLL_SECONDS)
    except (OSError, NotImplementedError) as found:  # the latter is what some versions of filelock make of ENOSYS
        if isinstance(found, OSError) and found.errno not in _NO_LOCKS:
            raise error(f"{lock.lock_file}: cannot be written ({found.strerror}). Give a folder that is "
                        "writable.") from found
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


def _lock(path: pathlib.Path) -> Any:
    # A file that stands for a lock would outlive a killed process, and the next one would wait for the dead.
    lock: Any = filelock.FileLock
    soft = "fallback_to_soft" in inspect.signature(lock.__init__).parameters
    return lock(path, **({"fallback_to_soft": False} if soft else {}))


def _named(owner: pathlib.Path) -> str:
    try:
        facts = read_json(owner)
        return f"process {facts['process']} on {facts['machine']} (since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
