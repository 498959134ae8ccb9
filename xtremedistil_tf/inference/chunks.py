"""Parts of a stream that are answered together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
_MOST_ITEMS, _MOST_CHARACTERS = 4096, 1 << 18


def chunks(items: Iterable[Item], characters: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Lists of a few thousand items, of long ones fewer, so that memory does not grow with the length of a stream.

    What was read before the stream raises an error is yielded before the error.

    Args:
        items: read as they are needed.
        characters: of an item.
    """
    chunk: list[Item] = []
    size = 0
    stream = iter(items)
    while True:
        try:
            item = next(stream)
        except StopIteration:
            break
        except Exception:
            yield chunk
            raise
        chunk.append(item)
        size += characters(item)
        if len(chunk) == _MOST_ITEMS or size >= _MOST_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
