"""Versions of a model in the folder that TensorFlow Serving watches."""

from __future__ import annotations

import pathlib
import re

from xtremedistil_tf.corpus.faults import quoted
from xtremedistil_tf.errors import ConfigError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The server keeps versions as int64.
_MAX_VERSION = 2**63 - 1


def check_name(name: str) -> None:
    """Raises ConfigError if a model's name cannot stand in a URL and a folder's name."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"Model name {quoted(name)}: expected letters, digits, dots, hyphens and "
                          "underscores, the first a letter or digit.")


def versions_in(model_folder: pathlib.Path) -> list[int]:
    """The versions of a model, ascending; folders that the server would not take for one do not count."""
    if not model_folder.is_dir():
        return []
    # The server reads leading zeros as the number alone.
    return sorted(int(path.name) for path in model_folder.iterdir()
                  if path.is_dir() and path.name.isascii() and path.name.isdigit())


def new_version(model_folder: pathlib.Path, version: int | None) -> int:
    """The number of the version to write: the one asked for, else one more than the highest.

    Raises:
        ConfigError: that version is there, or is no version number.
    """
    existing = versions_in(model_folder)
    following = existing[-1] + 1 if existing else 1
    if version is None:
        version = following
    if not 1 <= version <= _MAX_VERSION:
        raise ConfigError(f"{model_folder}: version {version}, expected a whole number from 1 to "
                          f"{_MAX_VERSION}.")
    if version in existing:
        raise ConfigError(f"{model_folder}: version {version} already exists, and a version that may be served is "
                          f"never overwritten. Omit the version for the next one, {following}.")
    return version
