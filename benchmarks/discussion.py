"""What a person says of a page's figures: discussion/<page>.md beside the page, included whenever it is written."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

_COMMANDS = "## Commands"


def discussion_file(out: pathlib.Path) -> pathlib.Path:
    """Where the discussion of the page `out` stands; links in it are those of the page."""
    return out.parent / "discussion" / out.name


def with_discussion(out: pathlib.Path, parts: Sequence[str]) -> list[str]:
    """The parts of a page with its discussion, or as they are where it has none.

    What stands before the first heading of the discussion follows the page's title. Its sections stand before the
    commands, or at the end of a page that has no such section.

    Args:
        out: the page.
        parts: of the page, the title first.
    """
    file = discussion_file(out)
    if not file.exists():
        return list(parts)
    first, *sections = re.split(r"^(?=## )", file.read_text(encoding="utf-8").strip(), flags=re.MULTILINE)
    said = f"<!-- by hand: {file.parent.name}/{file.name} -->\n\n"
    end = next((place for place, part in enumerate(parts) if part.startswith(_COMMANDS)), len(parts))
    return [parts[0], *([said + first.strip()] if first.strip() else []), *parts[1:end],
            *(section.strip().replace("\n", f"\n\n{said.strip()}\n", 1) for section in sections), *parts[end:]]
