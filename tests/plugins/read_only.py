"""Folders that cannot be written, whoever runs the tests: root may write whatever the mode of a folder says."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_FOLDERS: set[str] = set()
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC | getattr(os, "O_TMPFILE", 0)
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.utime", "os.link"}


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """What Python is about to do with a file; as the system would answer on a drive that is mounted read-only."""
    if not _FOLDERS or not (event == "open" or event in _CHANGES):
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)) or (event == "open" and not arguments[2] & _WRITING):
        return
    name = os.path.realpath(os.fsdecode(path))
    if event == "os.mkdir" and os.path.isdir(name):
        return  # the system says that it exists
    if any(name == folder or name.startswith(folder + os.sep) for folder in _FOLDERS):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fsdecode(path))


@pytest.fixture(scope="session")
def _hook() -> None:
    sys.addaudithook(_refuse)  # stays until the process ends


@pytest.fixture
def read_only(_hook: None) -> Callable[[pathlib.Path], contextlib.AbstractContextManager[None]]:
    """folder -> a context in which Python cannot write below it."""
    @contextlib.contextmanager
    def read_only(folder: pathlib.Path) -> Iterator[None]:
        name = os.path.realpath(folder)
        _FOLDERS.add(name)
        try:
            yield
        finally:
            _FOLDERS.discard(name)

    return read_only
