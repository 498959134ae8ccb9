"""One writer to a store at a time: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import contextlib
import logging
import os
import pathlib
import socket
import time
from collections.abc import Iterator

import filelock

from xtremedistil_tf.atomic import read_json, write_json
from xtremedistil_tf.errors import TransferStoreError

log = logging.getLogger(__name__)

LOCK = "writer.lock"
#: Who holds the lock, for those who wait: the lock itself may not be written to.
OWNER = "writer.json"
_POLL_SECONDS = 0.5


@contextlib.contextmanager
def writer_lock(store: pathlib.Path) -> Iterator[None]:
    """Holds a store for writing; waits, with a message, while another process does.

    Several machines exclude one another where their shared file system supports flock(2), as NFS does.

    Args:
        store: folder of the store, which must exist.

    Raises:
        TransferStoreError: the folder cannot be written.
    """
    lock = filelock.FileLock(store / LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            log.info("transfer store %s: %s is writing it; waiting for it to finish", store, _owner(store))
            lock.acquire(poll_interval=_POLL_SECONDS)
    except OSError as error:
        raise TransferStoreError(f"{store / LOCK}: cannot be written ({error.strerror}). Give a folder for the store "
                                 "that is writable.") from error
    try:
        write_json(store / OWNER, {"process": os.getpid(), "machine": socket.gethostname(),
                                   "since": time.strftime("%Y-%m-%d %H:%M:%S")})
        yield
    finally:
        (store / OWNER).unlink(missing_ok=True)
        lock.release()


def _owner(store: pathlib.Path) -> str:
    try:
        owner = read_json(store / OWNER)
        return f"process {owner['process']} on {owner['machine']} (since {owner['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
