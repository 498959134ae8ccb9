"""What lies in a folder, to be read or to be named in messages about files that are not there."""

from __future__ import annotations

import pathlib

from xtremedistil_tf.errors import DataError

_MAX_NAMES = 12


def entries(folder: pathlib.Path) -> list[pathlib.Path]:
    """Files and folders in `folder`, sorted by name, hidden ones left out; DataError if unreadable."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be listed ({error.strerror}). Make it readable, or "
                        "move it away if it does not belong there.") from error


def listing(folder: pathlib.Path) -> str:
    """A half sentence on the contents of `folder`, such as "/data/ner holds: dev.tsv, labels.tsv"."""
    if not folder.is_dir():
        return f"there is no folder {folder} either"
    try:
        names = [path.name + "/" * path.is_dir() for path in entries(folder)]
    except DataError:
        return f"the folder {folder} cannot be listed"
    if not names:
        return f"the folder {folder} is empty"
    more = len(names) - _MAX_NAMES
    shown = ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{folder} holds: {shown}"
