"""The lines of a page that a person writes: what its figures show, and how far they agree with the paper."""

from __future__ import annotations

import pathlib

from absl import flags

DISCUSSION = flags.DEFINE_string("discussion", "", "What the page's figures show, in two lines; empty: as the page has "
                                 "it already.")
_LABEL = "Discussion:"


def discussion(out: pathlib.Path, given: str = "") -> str:
    """The paragraph for a page: `given`, else what the page has from before."""
    if not given and out.exists():
        found = [line for line in out.read_text(encoding="utf-8").splitlines() if line.startswith(_LABEL)]
        given = found[0].removeprefix(_LABEL) if found else ""
    return f"{_LABEL} {given.strip()}".rstrip()
