"""One sentence of a corpus."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One pre-split sentence.

    Attributes:
        words: none is empty, none holds white space.
        tags: one per word (`O`, `B-type`, `I-type`); None where the sentence is not labelled.
        language: such as `de`; None where unknown.
        source, line: file and line (from 1) that the sentence came from, for messages.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None
    language: str | None = None
    source: str = ""
    line: int = 0
