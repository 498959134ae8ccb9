"""Streaming the lines of UTF-8 files, plain or compressed, with errors that name file and line."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import os
import pathlib
import zlib
from collections.abc import Callable, Iterator

from xtremedistil_tf.corpus.listing import listing
from xtremedistil_tf.errors import DataError

MAX_LINE_CHARS = 100_000
COMPRESSED = (".gz", ".xz")

# A character takes at most 4 bytes; 3 more for a byte order mark and 2 for the line end.
_MAX_LINE_BYTES = 4 * MAX_LINE_CHARS + 5
_NEWLINE, _NUL = b"\n", b"\0"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TO_UTF8 = "convert it with: iconv -f UTF-16 -t UTF-8"


def open_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """Yields (line number from 1, text without its line end) of a UTF-8 file.

    `.gz` and `.xz` are decompressed on the way. Only `\\n` and `\\r\\n` end a line: U+2028, form feeds
    and the like stay in the text. A byte order mark at the start is dropped. Memory does not depend
    on the length of the file, nor of a line.

    Raises (at the first `next`, or where the fault is):
        DataError: the file is missing or unreadable, its compression is damaged, or a line is not
            UTF-8, holds a NUL byte or is longer than MAX_LINE_CHARS.
    """
    path = pathlib.Path(path)
    number = 0
    with _explained(path, lambda: f" after line {number}"), _open(path) as handle:
        while raw := handle.readline(_MAX_LINE_BYTES):
            number += 1
            yield number, _decode(raw, path, number)


@contextlib.contextmanager
def _explained(path: pathlib.Path, place: Callable[[], str] = str) -> Iterator[None]:
    """Turns what reading raises into DataErrors."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged or truncated {path.suffix} file{place()} ({error}). "
                        "Copy or download it again.") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {listing(path.parent)}.") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder, expected a file; {listing(path)}.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def read_whole(path: str | os.PathLike[str]) -> str:
    """All of a UTF-8 file as one text, whatever the length of its lines; otherwise as `open_lines`."""
    path = pathlib.Path(path)
    with _explained(path), _open(path) as handle:
        raw = handle.read()

    def place(offset: int) -> str:
        return f"{path}:{raw.count(_NEWLINE, 0, offset) + 1}"

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place(error.start)}: byte 0x{raw[error.start]:02x} is not valid UTF-8 ({error.reason}). "
                        "Save the file as UTF-8.") from error
    if "\0" in text:
        raise DataError(f"{place(raw.find(_NUL))}: NUL byte, expected UTF-8 text. If the file is UTF-16, {_TO_UTF8}.")
    return text


def _open(path: pathlib.Path) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    if path.suffix == ".xz":
        return lzma.open(path, "rb")
    return open(path, "rb")


def _decode(raw: bytes, path: pathlib.Path, number: int) -> str:
    place = f"{path}:{number}"
    if len(raw) == _MAX_LINE_BYTES and not raw.endswith(b"\n"):
        raise _too_long(place)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        utf16 = number == 1 and raw.startswith(_UTF16_MARKS)
        remedy = f"The file looks like UTF-16; {_TO_UTF8}." if utf16 else "Save the file as UTF-8."
        raise DataError(f"{place}: byte 0x{raw[error.start]:02x} at offset {error.start} of the line is "
                        f"not valid UTF-8 ({error.reason}). {remedy}") from error
    if (offset := raw.find(b"\0")) >= 0:
        raise DataError(f"{place}: NUL byte at offset {offset} of the line, expected UTF-8 text. "
                        f"If the file is UTF-16, {_TO_UTF8}.")
    text = text[:-1] if text.endswith("\n") else text
    text = text[:-1] if text.endswith("\r") else text
    text = text[1:] if number == 1 and text.startswith("\ufeff") else text
    if len(text) > MAX_LINE_CHARS:
        raise _too_long(place)
    return text


def _too_long(place: str) -> DataError:
    return DataError(f"{place}: line longer than {MAX_LINE_CHARS:,} characters, expected one sentence a "
                     "line. Split the text into sentences.")
