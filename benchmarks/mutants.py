"""Mutants of a module by mutmut's operators: the same module with one change."""

from __future__ import annotations

import ast
import dataclasses
import difflib
import pathlib
import random
from typing import Any

import libcst
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

_TEXTS = ("KindWords", "LineFormat", "Format", "log", "logging", "warnings")


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes:
        function: whose body is changed, such as `f` or `Class.f`; None where the change is elsewhere.
        constant: whether the value of a constant of the module is changed.
        lines: of the statement that is changed, in the module.
        name: the place and the change, such as `f: a + b / a - b`.
        code: of the whole module.
    """

    function: str | None
    constant: bool
    lines: range
    name: str
    code: str


class _Visitor(MutationVisitor):
    """Without texts for people and annotations; with functions that have decorators, which mutmut leaves out."""

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))

    def _skip_node_and_children(self, node: libcst.CSTNode) -> bool:
        if isinstance(node, (libcst.Raise, libcst.FormattedString, libcst.ConcatenatedString)) or _is_text(node):
            return True
        return not isinstance(node, libcst.FunctionDef) and super()._skip_node_and_children(node)


def _is_text(node: libcst.CSTNode) -> bool:
    """Messages, and what a kind of task is called on pages."""
    if isinstance(node, libcst.ClassDef):
        return node.name.value in _TEXTS
    if not isinstance(node, libcst.Call):
        return False
    name = node.func.value
    return (name if isinstance(name, str) else getattr(name, "value", None)) in _TEXTS


def mutants_of(module: pathlib.Path, most: int, seed: int) -> tuple[list[Mutant], int]:
    """A sample of the mutants of a module, in the order of its lines, and how many there are.

    Args:
        module: its file.
        most: mutants in the sample.
        seed: of the sample.
    """
    source = module.read_text(encoding="utf-8")
    wrapper, visitor = libcst.MetadataWrapper(libcst.parse_module(source)), _Visitor()
    tree = wrapper.visit(visitor)
    changes = [change for change in visitor.mutations if not _is_another_case(change)]
    found = []
    for number in sorted(random.Random(seed).sample(range(len(changes)), min(most, len(changes)))):
        code = tree.deep_replace(changes[number].original_node, changes[number].mutated_node).code
        if code != source:
            found.append(_mutant(source, code))
    return found, len(changes)


def _is_another_case(change: Any) -> bool:
    """Of a string mutmut makes three mutants; one of them is enough."""
    return isinstance(change.mutated_node, libcst.SimpleString) and "XX" not in change.mutated_node.value


def _mutant(source: str, code: str) -> Mutant:
    old, new = source.splitlines(), code.splitlines()
    blocks = difflib.SequenceMatcher(None, old, new, False).get_opcodes()
    _, first, last, begin, end = next(block for block in blocks if block[0] != "equal")
    tree, line = ast.parse(source), first + 1
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and node.lineno <= line <= node.end_lineno]
    inside, function = [], None
    for node in around:  # outermost first
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            inside.append(node.name)
            if isinstance(node, ast.FunctionDef) and function is None and line >= node.body[0].lineno:
                function = ".".join(inside)
    smallest = around[-1]
    constant = smallest in tree.body and isinstance(smallest, (ast.Assign, ast.AnnAssign))
    stop = smallest.body[0].lineno if getattr(smallest, "body", None) else smallest.end_lineno + 1
    before, after = (" ".join(text.strip() for text in part) for part in (old[first:last], new[begin:end]))
    name = f"{'.'.join(inside) or 'module'}: {before} / {after}"
    return Mutant(function, constant, range(smallest.lineno, stop), name, code)
