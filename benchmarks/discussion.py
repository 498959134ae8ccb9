"""What a person writes on a page, which a rewrite keeps: the line on what its figures show, and whole sections."""

from __future__ import annotations

import pathlib
import re

from absl import flags

DISCUSSION = flags.DEFINE_string("discussion", "", "What the page's figures show, in two lines; empty: as the page has "
                                 "it already.")
_LABEL = "Discussion:"
#: Stands below the heading of a section that a person writes.
BY_HAND = "<!-- by hand: a rewrite of the page keeps this section -->"


def discussion(out: pathlib.Path, given: str = "") -> str:
    """The paragraph for a page: `given`, else what the page has from before."""
    if not given and out.exists():
        found = [line for line in out.read_text(encoding="utf-8").splitlines() if line.startswith(_LABEL)]
        given = found[0].removeprefix(_LABEL) if found else ""
    return f"{_LABEL} {given.strip()}".rstrip()


def sections_by_hand(out: pathlib.Path) -> list[str]:
    """The sections of a page, with their headings, that have the mark `BY_HAND` in them; none where it is not there."""
    text = out.read_text(encoding="utf-8") if out.exists() else ""
    return [section.strip() for section in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:] if BY_HAND in section]
