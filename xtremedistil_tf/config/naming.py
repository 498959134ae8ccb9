"""How a message names a setting: `name` or `name=value` in backticks, which each entrance may spell in its own way."""

from __future__ import annotations

import re
from collections.abc import Callable

_SETTING = re.compile(r"`([A-Za-z_]\w*)(?:=([^`]*))?`")


def respelled(text: str, spell: Callable[[str, str | None], str | None]) -> str:
    """A text whose settings are spelled in another way.

    Args:
        text: a message, a line of a log, a help text.
        spell: gets the name and the value (None: there is none) of what is in backticks; returns what to write
            in place of it, backticks included, or None to leave it as it is.
    """
    def replacement(match: re.Match[str]) -> str:
        spelled = spell(match[1], match[2])
        return match[0] if spelled is None else spelled

    return _SETTING.sub(replacement, text)
