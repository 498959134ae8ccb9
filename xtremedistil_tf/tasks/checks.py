"""Refusing what a task cannot work with: faulty examples, a main score that it does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from xtremedistil_tf.corpus.faults import Faults
from xtremedistil_tf.errors import ConfigError


def check_examples(examples: Iterable[Any], problem: Callable[[Any], str | None]) -> None:
    """Raises a DataError that names the places of faulty examples.

    Args:
        examples: with `source` and `line`.
        problem: what was found and what was expected, None where nothing is wrong.
    """
    faults: dict[str, Faults] = {}
    for example in examples:
        if found := problem(example):
            faults.setdefault(example.source, Faults(example.source)).add(example.line, found)
    for of_source in faults.values():
        of_source.raise_if_any()


def check_main_score(name: str, possible: Sequence[str]) -> str:
    """The name of a score, if it is a possible main score; else raises ConfigError."""
    if name not in possible:
        raise ConfigError(f"`metric={name}`: expected one of {', '.join(possible)} for this task.")
    return name
