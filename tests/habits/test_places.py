"""Tests stand in the folder of what they test: `tests/<room>/` imports from `xtremedistil_tf/<room>/`."""

from __future__ import annotations

import ast
import json
import pathlib

import pytest

TESTS = pathlib.Path(__file__).parents[1]
PACKAGE = TESTS.parent / "xtremedistil_tf"
ROOMS = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
FILES = [path for room in sorted(ROOMS) for path in sorted((TESTS / room).rglob("test_*.py"))]


def rooms_imported(path: pathlib.Path) -> set[str]:
    """The rooms that a file imports from, in its functions too."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("xtremedistil_tf.")} & ROOMS


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_file_stands_in_the_room_that_it_tests(path):
    room = path.relative_to(TESTS).parts[0]
    fixtures = [parent / "conftest.py" for parent in path.parents if TESTS in parent.parents]
    found = set.union(*(rooms_imported(file) for file in [path, *fixtures] if file.exists()))
    assert not found or room in found, f"{path.relative_to(TESTS)} tests {', '.join(sorted(found))}, not {room}"


def test_the_table_of_durations_names_files_that_exist():
    table = json.loads((TESTS / "plugins" / "durations.json").read_text(encoding="utf-8"))
    assert [file for file in table if not (TESTS.parent / file).exists()] == []
