"""One line of plain text in, one line of answer out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from xtremedistil_tf.corpus.example import AnyExample, TextExample


class LineFormat(NamedTuple):
    """How a kind of task reads and writes lines.

    Attributes:
        parse: (line, its number, its source) -> example, None for a line that holds nothing.
        show: (example, prediction) -> line.
        expected: what a line holds, for help texts.
        answer: what is written, for help texts.
    """

    parse: Callable[[str, int, str], AnyExample | None]
    show: Callable[[Any, Any], str]
    expected: str
    answer: str


TEXTS = "a text, or two texts with a tab between them"


def text_of_line(line: str, number: int, source: str) -> TextExample | None:
    """A text, or a pair of texts with a tab between them."""
    text, _, pair = line.partition("\t")
    return TextExample(text, pair or None, None, None, source, number) if line.strip() else None
