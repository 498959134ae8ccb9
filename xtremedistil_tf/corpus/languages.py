"""Language codes: as names of files, and as prefixes of tags and tokens."""

from __future__ import annotations

import functools
import pathlib
import re

_CODE = r"[a-z]{2,3}(?:-[A-Za-z0-9]{1,8})*"
_NAME = re.compile(_CODE)
_PREFIX = re.compile(rf"({_CODE}):(?=.)")
# File names of everyday life that happen to have the shape of a code.
_NOT_LANGUAGES = frozenset({"all", "dev", "raw"})


def is_language(name: str) -> bool:
    """Whether `name` has the shape of a language code, such as `de`, `ceb` or `zh-Hant`."""
    return _NAME.fullmatch(name) is not None and name not in _NOT_LANGUAGES


@functools.lru_cache(maxsize=4096)
def split_language(text: str) -> tuple[str | None, str]:
    """("de", "B-LOC") of "de:B-LOC"; (None, text) where there is no language prefix."""
    match = _PREFIX.match(text)
    return (match[1], text[match.end():]) if match else (None, text)


def file_language(file: pathlib.Path) -> str | None:
    """The language that a file's name says, such as `de` of "de.txt.xz"; None if it says none."""
    name = file.name.split(".")[0]
    return name if is_language(name) else None
