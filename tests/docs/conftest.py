"""Pages of the documentation, and the blocks of code in them.

An HTML comment on the line before a block says what becomes of it: `<!-- run -->` is executed by
`test_commands.py`, in the order of the page and in one shell; `<!-- elsewhere: why -->` is not. A comment
`<!-- run`, some lines, `-->` is a preparation that readers do not see; `<!-- run python` the same in Python, in one
process with the blocks of Python before and after it; `<!-- run python before every block` in every process of Python.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable

import pytest

RUN, ELSEWHERE, BEFORE = "run", "elsewhere", "before"
BEFORE_EVERY_BLOCK = "<!-- run python before every block"
_MARK = re.compile(r"<!-- (run|elsewhere)(?:: (.+))? -->")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        line: where it begins.
        language: of its fence.
        mark: run, elsewhere, or empty.
        why: what it needs, where it is run elsewhere.
        text: its lines.
        hidden: whether readers do not see it.
    """

    line: int
    language: str
    mark: str
    why: str
    text: str
    hidden: bool = False


def _blocks(page: pathlib.Path) -> list[Block]:
    lines, found, number = page.read_text(encoding="utf-8").splitlines(), [], 0
    while number < len(lines):
        start, line = number, lines[number]
        if line in ("<!-- run", "<!-- run python", BEFORE_EVERY_BLOCK):
            number = lines.index("-->", start)
            language = "python" if "python" in line else "sh"
            mark = BEFORE if line == BEFORE_EVERY_BLOCK else RUN
            found.append(Block(start + 1, language, mark, "", "\n".join(lines[start + 1:number]), hidden=True))
        elif line.startswith("```"):
            number = lines.index("```", start + 1)
            mark = _MARK.fullmatch(lines[start - 1]) if start else None
            found.append(Block(start + 1, line[3:].strip(), mark[1] if mark else "", (mark and mark[2]) or "",
                               "\n".join(lines[start + 1:number])))
        number += 1
    return found


@pytest.fixture(scope="session")
def short_data(tmp_path_factory) -> pathlib.Path:
    """The folder `data` with the first 300 lines of its text: reading all of them takes a second."""
    here, folder = pathlib.Path(__file__).resolve().parents[2] / "data", tmp_path_factory.mktemp("short") / "data"
    text = here / "sample" / "unlabeled.txt"
    (folder / "sample").mkdir(parents=True)
    for path in [*here.iterdir(), *text.parent.iterdir()]:
        link = folder / path.relative_to(here)
        if path == text:
            link.write_text("".join(path.read_text(encoding="utf-8").splitlines(True)[:300]), encoding="utf-8")
        elif path != text.parent:
            link.symlink_to(path)
    return folder


@pytest.fixture(scope="session")
def blocks_of() -> Callable[[pathlib.Path], list[Block]]:
    """page -> its blocks, in order."""
    return _blocks
