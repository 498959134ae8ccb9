"""The bytes of a file as UTF-8 with `\\n` at line ends, whatever its compression, encoding and line ends."""

from __future__ import annotations

import bz2
import codecs
import functools
import gzip
import io
import logging
import lzma
import os
import pathlib
import re
from collections.abc import Callable
from typing import Any

from xtremedistil_tf.errors import DataError, MissingExtraError

log = logging.getLogger(__name__)

COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
TO_UTF8 = "convert it with: iconv -f {} -t UTF-8"
_BLOCK = 1 << 16
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF32_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_OTHERS = ("gb18030", "shift_jis", "euc_kr", "cp1251")
_IN_WORD = re.compile(rb"(?<=[A-Za-z ])[\xc0-\xff](?=[A-Za-z .,])|(?<=[A-Za-z])[\x91-\x94\xa0]")


@functools.lru_cache(maxsize=4096)
def say_once(path: str, what: str) -> None:
    """Warns of what was mended in a file; once, although a file may be read several times."""
    log.warning("%s: %s", path, what)


def open_bytes(path: pathlib.Path) -> io.BufferedIOBase:
    """The content of a file, decompressed, as UTF-8.

    A file that begins with a byte order mark of UTF-16 or UTF-32 is decoded as such. Where carriage returns alone end
    the lines, they become line feeds. Both are said in one line.

    Raises:
        OSError and the errors of the compressions: as reading does.
        MissingExtraError: nothing here decompresses `.zst`.
    """
    handle = _decompressed(path)
    start = handle.peek(_BLOCK)[:_BLOCK] if isinstance(handle, io.BufferedReader) else b""
    if start.startswith(_UTF32_MARKS) or start.startswith(UTF16_MARKS):
        name = "UTF-32" if start.startswith(_UTF32_MARKS) else "UTF-16"
        say_once(os.fspath(path), f"is {name} and read as such")
        handle = _stream(handle, _transcoder(path, name.lower()))
        start = handle.peek(_BLOCK)[:_BLOCK]
    if b"\r" in start[:-1] and b"\n" not in start and b"\0" not in start:
        say_once(os.fspath(path), "lines end with carriage returns alone; they are read as line ends")
        handle = _stream(handle, _feeder(path))
    return handle


def encoding_hint(raw: bytes) -> str:
    """What a line that is not UTF-8 probably is, and the remedy."""
    if _IN_WORD.search(raw):
        shown = raw.decode("cp1252", "replace").strip()
        return f"The file looks like Latin-1 or Windows-1252 ({shown[:40]!r}); {TO_UTF8.format('WINDOWS-1252')}"
    fitting = [name for name in _OTHERS if _decodes(raw, name)]
    if fitting and len(re.findall(rb"[\x80-\xff]{2}", raw)) > 1:
        return f"Save the file as UTF-8; it may be {' or '.join(fitting)}: {TO_UTF8.format('ENCODING')}"
    return "Save the file as UTF-8."


def _decodes(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _decompressed(path: pathlib.Path) -> io.BufferedIOBase:
    if path.suffix == ".zst":
        return _zstandard(path)
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    handle: io.BufferedIOBase = openers.get(path.suffix, open)(path, "rb")
    return handle if isinstance(handle, io.BufferedReader) else _buffered(handle)


def _buffered(handle: Any) -> io.BufferedReader:
    return io.BufferedReader(handle, _BLOCK)


def _zstandard(path: pathlib.Path) -> io.BufferedIOBase:
    try:
        import zstandard

        return _buffered(zstandard.open(path, "rb"))
    except ImportError:
        pass
    try:
        import pyarrow

        return _buffered(pyarrow.CompressedInputStream(pyarrow.OSFile(os.fspath(path), "rb"), "zstd"))
    except ImportError as error:
        raise MissingExtraError("pyarrow", "datasets", f"reading {path}") from error


class _Converted(io.RawIOBase):
    """A stream whose blocks are converted on the way."""

    def __init__(self, source: io.BufferedIOBase, convert: Callable[[bytes, bool], bytes]):
        self._source, self._convert = source, convert
        self._ready, self._ended = b"", False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            block = self._source.read(_BLOCK)
            self._ended = not block
            self._ready = self._convert(block, self._ended)
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size

    def close(self) -> None:
        self._source.close()
        super().close()


def _stream(source: io.BufferedIOBase, convert: Callable[[bytes, bool], bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Converted(source, convert), _BLOCK)


def _transcoder(path: pathlib.Path, name: str) -> Callable[[bytes, bool], bytes]:
    decoder = codecs.getincrementaldecoder(name)()

    def convert(block: bytes, last: bool) -> bytes:
        try:
            return decoder.decode(block, last).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: damaged {name.upper()} ({error.reason}). Save the file as UTF-8.") from error

    return convert


def _feeder(path: pathlib.Path) -> Callable[[bytes, bool], bytes]:
    def convert(block: bytes, last: bool) -> bytes:
        if b"\n" in block:
            raise DataError(f"{path}: some lines end with a carriage return alone, others with a line feed. Expected "
                            "one of them; convert it with: tr '\\r' '\\n'")
        return block.replace(b"\r", b"\n")

    return convert
