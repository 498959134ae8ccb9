"""What every reader of files must do: read what was written, name faults, and refuse anything else politely."""

from __future__ import annotations

import bz2
import collections
import gzip
import json
import lzma
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.example import Example, QuestionExample
from xtremedistil_tf.errors import DataError

PACKERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress,
                                             ".xz": lzma.compress}


@dataclass(frozen=True)
class Layout:
    """A documented layout of files, and its reader.

    Attributes:
        name: of a file, such as "train.conll".
        read: path -> examples.
        rows: what a file holds, drawn by hypothesis.
        write: rows -> the text of the file, by the documentation and not by the package.
        seen: example -> the row that it was written as.
        faulty: text of a file -> the place that the message names after the file's name, such as ":2: ".
        beside: other files that the folder needs, by name.
        packed: whether the file may be compressed.
    """

    name: str
    read: Callable[[pathlib.Path], Sequence[Any]]
    rows: st.SearchStrategy[list[Any]]
    write: Callable[[list[Any]], str]
    seen: Callable[[Any], Any]
    faulty: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    packed: bool = True

    def __str__(self) -> str:
        return self.name


def run_reader_test(layout: Layout, folder: pathlib.Path, examples: int = 40, start: int | None = None) -> None:
    """Checks a reader.

    Args:
        layout: the layout and its reader.
        folder: an empty one.
        examples: files of each sort.
        start: seed; None: the same files each time.
    """
    for name, text in layout.beside.items():
        (folder / name).write_text(text, encoding="utf-8")
    _check_faults(layout, folder)
    for check in (_check_round_trip, _check_damage):
        tested = settings(max_examples=examples, derandomize=start is None, database=None, deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])(check(layout, folder))
        (seed(start)(tested) if start is not None else tested)()


def _check_faults(layout: Layout, folder: pathlib.Path) -> None:
    for text, place in layout.faulty.items():
        path = folder / layout.name
        path.write_text(text, encoding="utf-8", newline="")
        message = refusal(layout.read, path)
        assert f"{path}{place}" in message, f"{text!r}: {message}"


def _check_round_trip(layout: Layout, folder: pathlib.Path) -> Callable[[], None]:
    packings = st.sampled_from(sorted(PACKERS) if layout.packed else [""])

    @given(layout.rows, st.booleans(), st.sampled_from(["\n", "\r\n"]), packings)
    def what_is_written_is_read(rows: list[Any], mark: bool, end: str, packing: str) -> None:
        text = layout.write(rows)
        # A file that begins with U+FEFF means a byte order mark by it.
        mark = mark or text.startswith("\ufeff")
        path = _put(folder, layout, ("\ufeff" * mark + text.replace("\n", end)).encode(), packing)
        assert [layout.seen(example) for example in layout.read(path)] == rows

    return what_is_written_is_read


def _check_damage(layout: Layout, folder: pathlib.Path) -> Callable[[], None]:
    packings = st.sampled_from(sorted(PACKERS) if layout.packed else [""])

    @given(st.data(), layout.rows, packings, st.booleans())
    def damaged_files_are_read_or_refused(data: st.DataObject, rows: list[Any], packing: str, whole: bool) -> None:
        is_json = "json" in layout.name and data.draw(st.booleans())
        content = PACKERS[packing]((_odd_json if is_json else _edited)(data.draw, layout.write(rows).encode()))
        if not whole:
            content = _edited(data.draw, content)
        path = _put(folder, layout, content, packing, pack=False)
        try:
            found = layout.read(path)
        except DataError as error:
            assert str(folder) in str(error) and str(error).encode()
        else:
            assert found and all(map(is_sound, found)), found

    return damaged_files_are_read_or_refused


def put(folder: pathlib.Path, name: str, content: str | bytes) -> pathlib.Path:
    """Writes a file, compressed where its name says so."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACKERS.get(path.suffix, bytes)(content.encode() if isinstance(content, str) else content))
    return path


def refusal(read: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """The message with which a reader, or what it yields, refuses a file."""
    with pytest.raises(DataError) as error:
        found = read(*arguments, **options)
        collections.deque(found if isinstance(found, Iterator) else (), maxlen=0)
    return str(error.value)


def _put(folder: pathlib.Path, layout: Layout, content: bytes, packing: str, pack: bool = True) -> pathlib.Path:
    for other in PACKERS:  # a plain file beside a packed one would be read instead
        (folder / (layout.name + other)).unlink(missing_ok=True)
    path = folder / (layout.name + packing)
    path.write_bytes(PACKERS[packing](content) if pack else content)
    return path


def is_sound(example: Any) -> bool:
    """Whether an example holds nothing that fails later: text that UTF-8 cannot hold, answers that are elsewhere."""
    if isinstance(example, str):
        return _is_text(example)
    if isinstance(example, Example):
        return (len(example.words) > 0 and all(_is_text(word) and word.split() == [word] for word in example.words)
                and (example.tags is None or (len(example.tags) == len(example.words) and all(
                    map(_is_text, example.tags)))) and _is_text(example.language))
    if isinstance(example, QuestionExample):
        return (all(map(_is_text, (example.id, example.question, example.context, example.language)))
                and all(answer.text and example.context.startswith(answer.text, answer.start) and answer.start >= 0
                        for answer in example.answers or ()))
    labels = example.label if isinstance(example.label, tuple) else (example.label,)
    return (all(map(_is_text, (example.text, example.pair, example.language))) and bool(example.text.strip())
            and all(math.isfinite(label) if isinstance(label, float) else _is_name(label) for label in labels))


def _is_name(label: str | None) -> bool:
    """Whether `labels.tsv` and lines of predictions can hold it."""
    return label is None or (_is_text(label) and label == label.strip() and not set(label) & set("\t\r\n"))


def _is_text(text: str | None) -> bool:
    return text is None or ("\0" not in text and text.encode("utf-8", "ignore").decode() == text)


# What files hold that nobody expects.
_ODD_BYTES = [b"\t", b"\n", b"\r", b"\n\n", b" ", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\xa0",
              b'"', b"\\", b"{", b"]", b",", b":", b"# ", b"de:", b"-DOCSTART- O", b"nan", b"1e999", b"0" * 30,
              b"9" * 5000]
_DEEP = "<deep>"
_ODD_VALUES = [None, True, -1, 0, 1.5, 10**30, math.nan, math.inf, "", " ", "\0", "\ud800", "a\tb", "a\nb", "a,b",
               "\u2028", "de", "O", "X", [], {}, [[]], [None], ["\ud800"], {"text": None}, "x" * 200,
               _DEEP]


def _odd_json(draw: Callable[..., Any], content: bytes) -> bytes:
    """The lines with an odd value in one of them, which is still JSON."""
    lines = content.decode().splitlines()
    number, depth = draw(st.integers(0, len(lines) - 1)), draw(st.sampled_from([200, 900, 970, 990, 5000]))
    line = json.dumps(_replaced(draw, json.loads(lines[number])))
    lines[number] = line.replace(f'"{_DEEP}"', "[" * depth + "]" * depth)
    return "\n".join(lines).encode()


def _replaced(draw: Callable[..., Any], value: Any) -> Any:
    """A value one part of which, at any depth, is another or is gone."""
    if isinstance(value, dict | list) and value and draw(st.integers(0, 5)):
        copy: Any = value.copy()
        key = draw(st.sampled_from(list(value) if isinstance(value, dict) else range(len(value))))
        if draw(st.integers(0, 4)):
            copy[key] = _replaced(draw, copy[key])
        else:
            del copy[key]
        return copy
    return draw(st.sampled_from(_ODD_VALUES))


def _edited(draw: Callable[..., Any], content: bytes) -> bytes:
    for _ in range(draw(st.integers(0, 3))):
        start, length = draw(st.integers(0, len(content))), draw(st.sampled_from([0, 0, 1, 5, 50, 10**9]))
        new = draw(st.sampled_from(_ODD_BYTES) | st.binary(max_size=3))
        content = content[:start] + new + content[start + length:]
    return content
