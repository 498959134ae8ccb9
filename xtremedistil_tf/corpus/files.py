"""Files: their names, the languages and splits that names tell, their lines, and faults collected for one message."""

from __future__ import annotations

import bisect
import bz2
import contextlib
import functools
import gzip
import io
import lzma
import os
import pathlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from xtremedistil_tf.corpus.encodings import COMPRESSED, TO_UTF8, encoding_hint, open_bytes
from xtremedistil_tf.errors import DataError

_MAX_NAMES = 12
_LANGUAGE_CODE = r"[a-z]{2,3}(?:-[A-Za-z0-9]{1,8})*"
_LANGUAGE_NAME = re.compile(_LANGUAGE_CODE)
_LANGUAGE_PREFIX = re.compile(rf"({_LANGUAGE_CODE}):(?=.)")
# File names of everyday life that happen to have the shape of a code.
_NOT_LANGUAGES = frozenset({"all", "dev", "raw"})
MAX_LINE_CHARS = 100_000
# No text is compressed to a smaller part than one of so many, but for files of a few megabytes.
_MOST_TIMES, _MOST_BYTES = 100, 1 << 24
# A character takes at most 4 bytes; 3 more for a byte order mark and 2 for the line end.
_MARK_AND_END = 5
_NEWLINE, _NUL = b"\n", b"\0"
_NUL_REMEDY = f"expected UTF-8 text. If the file is UTF-16, {TO_UTF8.format('UTF-16')}."
MAX_SHOWN_FAULTS = 10
_MAX_QUOTED = 60


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


def is_language(name: str) -> bool:
    """Whether `name` has the shape of a language code, such as `de`, `ceb` or `zh-Hant`."""
    return _LANGUAGE_NAME.fullmatch(name) is not None and name not in _NOT_LANGUAGES


@functools.lru_cache(maxsize=4096)
def split_language(text: str) -> tuple[str | None, str]:
    """("de", "B-LOC") of "de:B-LOC"; (None, text) where there is no language prefix."""
    match = _LANGUAGE_PREFIX.match(text)
    return (match[1], text[match.end():]) if match else (None, text)


def file_language(file: pathlib.Path) -> str | None:
    """The language that a file's name says, such as `de` of "de.txt.xz"; None if it says none."""
    name = file.name.split(".")[0]
    return name if is_language(name) else None


def open_lines(path: str | os.PathLike[str], max_chars: int = MAX_LINE_CHARS) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, text without its line end) of a UTF-8 file.

    Compressed files are decompressed on the way; see `open_bytes` for UTF-16 and for carriage returns alone. Only
    `\\n` and `\\r\\n` end a line: U+2028, form feeds and the like stay in the text. A byte order mark at the start is
    dropped. Memory does not depend on the length of the file, nor of a line.

    Raises (at the first `next`, or where the fault is):
        DataError: the file is missing or unreadable, its compression is damaged, or a line is not
            UTF-8, holds a NUL byte or is longer than `max_chars`.
    """
    path = pathlib.Path(path)
    number = 0
    with opened(path, lambda: f" after line {number}") as handle:
        while raw := handle.readline(4 * max_chars + _MARK_AND_END):
            number += 1
            yield number, _decode(raw, path, number, max_chars)


@contextlib.contextmanager
def opened(path: pathlib.Path, place: Callable[[], str] = str) -> Iterator[io.BufferedIOBase]:
    """The bytes of a file, decompressed by its suffix; what reading it raises becomes a DataError.

    Args:
        path: the file.
        place: says where reading is, for the message on a damaged file.
    """
    try:
        with open_bytes(path) as handle:
            yield handle
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise _damaged(path, place(), error) from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {listing(path.parent)}.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder, expected a file; {listing(path)}.") from error
    except OSError as error:
        if error.errno is None:  # what the decompressors of .bz2 and .zst raise
            raise _damaged(path, place(), error) from error
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


_WRITERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def compressing(path: pathlib.Path) -> IO[str]:
    """A new UTF-8 file to write, compressed by its suffix; only `\\n` ends its lines.

    Raises:
        DataError: a compression that can only be read.
    """
    if path.suffix in COMPRESSED and path.suffix not in _WRITERS:
        raise DataError(f"{path}: {path.suffix} files can only be read. Write {', '.join(_WRITERS)} or no compression.")
    handle: IO[str] = _WRITERS.get(path.suffix, open)(path, "wt", encoding="utf-8", newline="")
    return handle


def _damaged(path: pathlib.Path, place: str, error: Exception) -> DataError:
    return DataError(f"{path}: damaged or truncated {path.suffix} file{place} ({error}). Copy or download it again.")


def read_whole(path: str | os.PathLike[str]) -> str:
    """All of a UTF-8 file as one text, whatever the length of its lines; otherwise as `open_lines`.

    Raises:
        DataError: see there; a compressed file that becomes so large that it can only be meant to fill the memory.
    """
    path = pathlib.Path(path)
    with opened(path) as handle:
        most = _MOST_TIMES * path.stat().st_size + _MOST_BYTES
        raw = handle.read(most + 1)
        if len(raw) > most:
            raise DataError(f"{path}: becomes more than {most >> 20} MB, {_MOST_TIMES} times its size. If that is "
                            "right, decompress it and give the file itself.")

    def place(offset: int) -> str:
        return f"{path}:{raw.count(_NEWLINE, 0, offset) + 1}"

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place(error.start)}: byte 0x{raw[error.start]:02x} is not valid UTF-8 ({error.reason}). "
                        f"{encoding_hint(raw[max(0, error.start - 20):error.start + 20])}") from error
    if "\0" in text:
        raise DataError(f"{place(raw.find(_NUL))}: NUL byte, {_NUL_REMEDY}")
    return text


def _decode(raw: bytes, path: pathlib.Path, number: int, max_chars: int) -> str:
    place = f"{path}:{number}"
    if len(raw) == 4 * max_chars + _MARK_AND_END and not raw.endswith(b"\n"):
        raise _too_long(place, max_chars)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{place}: byte 0x{raw[error.start]:02x} at offset {error.start} of the line is "
                        f"not valid UTF-8 ({error.reason}). {encoding_hint(raw)}") from error
    if (offset := raw.find(_NUL)) >= 0:
        raise DataError(f"{place}: NUL byte at offset {offset} of the line, {_NUL_REMEDY}")
    text = text[:-1] if text.endswith("\n") else text
    text = text[:-1] if text.endswith("\r") else text
    text = text[1:] if number == 1 and text.startswith("\ufeff") else text
    if len(text) > max_chars:
        raise _too_long(place, max_chars)
    return text


def _too_long(place: str, max_chars: int) -> DataError:
    return DataError(f"{place}: line longer than {max_chars:,} characters, expected one sentence a "
                     "line. Split the text into sentences.")


def stem_and_suffix(path: str | os.PathLike[str]) -> tuple[str, str]:
    """("train", ".tsv") of "folder/train.tsv.xz": the suffix of a compression does not count."""
    path = pathlib.Path(path)
    inner = pathlib.PurePath(path.stem) if path.suffix in COMPRESSED else path
    return inner.stem, inner.suffix


class Faults:
    """Counts the faults of one file and keeps the first ten, by line."""

    def __init__(self, path: str | os.PathLike[str]):
        self._path = os.fspath(path)
        self._first: list[tuple[int, int, str]] = []
        self._count = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    def add(self, line: int, problem: str) -> None:
        """Notes a fault; `problem` says what was found and what was expected."""
        self._count += 1
        if len(self._first) < MAX_SHOWN_FAULTS or line < self._first[-1][0]:
            bisect.insort(self._first, (line, self._count, f"{self._path}:{line}: {problem}"))
            del self._first[MAX_SHOWN_FAULTS:]

    def raise_if_any(self) -> None:
        """Raises one DataError that names the first ten faults and how many there are."""
        if not self._count:
            return
        if self._count == 1:
            raise DataError(f"{self._first[0][2]}. Correct or delete that line.")
        shown = f"the first {MAX_SHOWN_FAULTS} of them" if self._count > MAX_SHOWN_FAULTS else "all of them"
        listed = "\n".join(f"  {place}" for _, _, place in self._first)
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
    return f"{counted(len(words), 'token')} but {counted(len(tags), 'tag')}, expected one tag for each token"


def words_problem(words: Sequence[str]) -> str | None:
    """What is wrong with a token that is empty or holds white space, or None."""
    # One split of the whole sentence costs much less than a look at every token.
    if " ".join(words).split() == list(words):
        return None
    number, word = next((i, w) for i, w in enumerate(words, 1) if w.split() != [w])
    what = "is empty" if not word else "holds white space"
    return f"token {number}, {quoted(word)}, {what}, expected a token without white space"


def counted(number: int, name: str) -> str:
    """Such as "1 column" or "2 columns"."""
    return f"{number} {name}" + ("" if number == 1 else "s")
