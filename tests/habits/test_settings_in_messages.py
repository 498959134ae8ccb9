"""The library speaks of arguments, `seq_len`; only the command line, which turns them round, of --seq_len."""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re
from collections.abc import Iterator

import pytest

from xtremedistil_tf.cli.verbs import COMMANDS

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "xtremedistil_tf"
NAMES = {field.name for command in COMMANDS for field in dataclasses.fields(command.config_class)}
FLAG = re.compile(rf"--(?:no)?(?:(?:{'|'.join(NAMES)})\b|…)")
# Reports are pages on a command that was run.
ROOMS_OF_COMMANDS = ("cli/", "evaluation/report/")
# Commands to run, told or started, are commands in Python, too.
COMMAND = re.compile(r"xtreme-distil \w|^--\S+$")


def texts_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string that is neither a docstring nor the help text of a setting."""
    left_out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            left_out.add(id(node.value))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setting":
            left_out |= {id(part) for part in ast.walk(node)}
        elif isinstance(node, ast.JoinedStr) and id(node) not in left_out:
            left_out |= {id(part) for part in node.values}
            yield node.lineno, "".join(getattr(part, "value", "") if isinstance(part, ast.Constant) else "…"
                                       for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.lineno, node.value


def flags_in(source: str) -> list[str]:
    return [f"{line}: {text}" for line, text in texts_of(ast.parse(source))
            if FLAG.search(text) and not COMMAND.search(text)]


def test_no_text_of_the_library_names_a_flag():
    found = [f"{file.relative_to(PACKAGE)}:{fault}" for file in sorted(PACKAGE.rglob("*.py"))
             if not file.relative_to(PACKAGE).as_posix().startswith(ROOMS_OF_COMMANDS)
             for fault in flags_in(file.read_text(encoding="utf-8"))]
    assert not found, "expected `name` or `name=value`:\n" + "\n".join(found)


@pytest.mark.parametrize("source, count", [
    ('raise ConfigError(f"--seq_len={n}: expected 1")', 1), ('log.info("use --nodo_NER, %s", 1)', 1),
    ('yield f"--{name}={value}: expected 1"', 1),
    ('def f():\n    """As --seq_len."""', 0), ('x = "use `seq_len`, or --other_len"', 0),
    ('x = setting("Run", 1, "With --seq_len.")', 0), ('x = f"run xtreme-distil export --model_dir={m}"', 0),
    ('x = [f"--model_dir={m}"]', 0)])
def test_a_flag_is_found(source, count):
    assert len(flags_in(source)) == count
