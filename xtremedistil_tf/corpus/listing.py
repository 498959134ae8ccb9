"""What lies in a folder, for messages about files that are not there."""

from __future__ import annotations

import pathlib

_MAX_NAMES = 12


def listing(folder: pathlib.Path) -> str:
    """A half sentence on the contents of `folder`, such as "/data/ner holds: dev.tsv, labels.tsv"."""
    if not folder.exists():
        return f"the folder {folder} does not exist"
    try:
        names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        return f"{folder} cannot be listed ({error.strerror})"
    if not names:
        return f"the folder {folder} is empty"
    more = len(names) - _MAX_NAMES
    shown = ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{folder} holds: {shown}"
