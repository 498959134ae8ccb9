"""Parts of long texts, for people to read."""

from __future__ import annotations

_MOST_CHARACTERS = 500


def excerpt(text: str, around: int = 0) -> str:
    """At most 500 characters of a text, from a little before the character `around`, with "…" where it was cut."""
    begin = max(0, min(around - _MOST_CHARACTERS // 4, len(text) - _MOST_CHARACTERS))
    end = begin + _MOST_CHARACTERS
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
