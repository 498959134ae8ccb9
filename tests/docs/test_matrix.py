"""docs/matrix.md has a cell for every exported form and every kind of task, with a test that exists or a reason."""

from __future__ import annotations

import ast
import pathlib
import re

from xtremedistil_tf.config.commands import QUANTIZATIONS_OF
from xtremedistil_tf.tasks.registry import KINDS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "matrix.md").read_text(encoding="utf-8")


def table() -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
    return [rows[0], *rows[2:]]


def named_tests() -> dict[str, list[str]]:
    """Number -> `file::function` of the tests that it stands for."""
    lines = re.findall(r"^(\d+)\. (.+)$", PAGE, re.MULTILINE)
    return {number: re.findall(r"`([^`]+)`", text) for number, text in lines}


def test_every_form_and_every_kind_is_there():
    head, *rows = table()
    assert set(head[2:]) == set(KINDS) and len(head) == 2 + len(KINDS)
    assert {row[0] for row in rows} == {f"`{form}`" for form in QUANTIZATIONS_OF}
    assert len({tuple(row[:2]) for row in rows}) == len(rows)


def test_every_cell_is_a_test_or_a_reason():
    named = named_tests()
    for row in table()[1:]:
        assert len(row) == 2 + len(KINDS)
        for cell in row[2:]:
            assert cell in named or re.fullmatch(r"no: .{10,}", cell), f"{row[:2]}: {cell!r}"
    assert set(named) == {cell for row in table()[1:] for cell in row[2:] if cell.isdigit()}


def test_every_form_runs_somewhere():
    run = {row[0] for row in table()[1:] if any(cell.isdigit() for cell in row[2:])}
    assert run == {f"`{form}`" for form in QUANTIZATIONS_OF}


def test_every_test_exists():
    for places in named_tests().values():
        assert places
        for place in places:
            file, name = place.split("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, place
