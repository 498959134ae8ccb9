"""Faulty lines of one file, collected so that the user can mend them all at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.errors import DataError

MAX_SHOWN = 10
_MAX_QUOTED = 60


class Faults:
    """Counts the faults of one file and keeps the first ten."""

    def __init__(self, path: str | os.PathLike[str]):
        self._path = os.fspath(path)
        self._first: list[str] = []
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def add(self, line: int, problem: str) -> None:
        """Notes a fault; `problem` says what was found and what was expected."""
        self._count += 1
        if len(self._first) < MAX_SHOWN:
            self._first.append(f"{self._path}:{line}: {problem}")

    def raise_if_any(self) -> None:
        """Raises one DataError that names the first ten faults and how many there are."""
        if not self._count:
            return
        if self._count == 1:
            raise DataError(f"{self._first[0]}. Correct or delete that line.")
        shown = f"the first {MAX_SHOWN} of them" if self._count > MAX_SHOWN else "all of them"
        listed = "\n".join(f"  {place}" for place in self._first)
        raise DataError(f"{self._path}: {self._count} faults, {shown}:\n{listed}\n"
                        "Correct or delete those lines.")


def quoted(value: Any) -> str:
    """`value` as it would be written in Python, cut to a length fit for a message."""
    text = repr(value[:_MAX_QUOTED] if isinstance(value, str) else value)
    cut = len(text) > _MAX_QUOTED + 2 or (isinstance(value, str) and len(value) > _MAX_QUOTED)
    return f"{text[:_MAX_QUOTED]}..." if cut else text


def encoding_problem(text: str) -> str | None:
    """What a text holds that UTF-8 files cannot, or None."""
    # JSON can spell with \u escapes what tokenizers fail on much later.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"lone surrogate {text[error.start]!r}, expected Unicode text"
    return "NUL character, expected text" if "\0" in text else None


def counts_problem(words: Sequence[str], tags: Sequence[str]) -> str | None:
    """What is wrong when tokens and tags do not pair up, or None."""
    if len(words) == len(tags):
        return None
    return f"{_count(words, 'token')} but {_count(tags, 'tag')}, expected one tag for each token"


def words_problem(words: Sequence[str]) -> str | None:
    """What is wrong with a token that is empty or holds white space, or None."""
    # One split of the whole sentence costs much less than a look at every token.
    if " ".join(words).split() == list(words):
        return None
    number, word = next((i, w) for i, w in enumerate(words, 1) if w.split() != [w])
    what = "is empty" if not word else "holds white space"
    return f"token {number}, {quoted(word)}, {what}, expected a token without white space"


def _count(items: Sequence[str], name: str) -> str:
    return f"{len(items)} {name}" + ("" if len(items) == 1 else "s")
