"""Writing files and directories whole or not at all: temporary name beside the target, then rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary path in the target's folder; on success it is renamed to `path`.

    The temporary name keeps the target's suffixes, which some writers dispatch on.

    Raises:
        OSError: with number and file also where a writer that met a full disk gave none.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield part
        _sync(part)
        os.replace(part, path)
    except OSError as error:
        if error.filename is None and is_disk_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_directory(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a temporary directory; on success it takes the place of `path`."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = pathlib.Path(tempfile.mkdtemp(prefix=f".part-{path.name}-", dir=path.parent))
    try:
        yield part
        os.chmod(part, 0o755)
        for file in part.rglob("*"):
            if file.is_file():
                _sync(file)
        if path.exists():
            old = path.with_name(f".old-{os.getpid()}-{path.name}")
            os.replace(path, old)
            os.replace(part, path)
            shutil.rmtree(old)
        else:
            os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Deletes what writers that were killed left in `folder`."""
    for pattern in (".part-*", ".old-*"):
        for leftover in pathlib.Path(folder).glob(pattern):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes a UTF-8 file."""
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))


def why_not_writable(folder: str | os.PathLike[str]) -> str:
    """Why no file can be made in a folder, in the system's words; "" where one can. The folder is made if it is
    missing."""
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _sync(path: pathlib.Path) -> None:
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def is_disk_full(error: OSError) -> bool:
    """Whether something could not be written because there is no room, or none for this user."""
    # NumPy counts the values that it could not write, and gives no number of an error.
    full = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return error.errno in full or "requested and" in str(error)
