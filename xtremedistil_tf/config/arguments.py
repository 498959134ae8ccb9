"""A configuration from keyword arguments, with the checks of the command line."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from xtremedistil_tf.config.fields import field_type, raise_faults
from xtremedistil_tf.config.naming import respelled
from xtremedistil_tf.errors import ConfigError, XtremeDistilError

_NAMES = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


class _Settings(Protocol):
    def validate(self) -> None: ...


Config = TypeVar("Config", bound=_Settings)


def config_from(config_class: type[Config], arguments: Mapping[str, Any], others: Sequence[str] = ()) -> Config:
    """A validated configuration.

    Args:
        config_class: of the configuration.
        arguments: by the names of its fields. Paths are taken as texts, lists of texts as comma-separated ones.
        others: faults that the caller found.

    Raises:
        ConfigError: one error that names everything that is wrong: unknown names (with the nearest one that
            is known), values of another type, values out of bounds, contradictions.
    """
    known = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    values, faults = {}, list(others)
    for name, given in arguments.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"`{name}`: no such argument{f'; did you mean `{near[0]}`?' if near else '.'}")
            continue
        wanted = field_type(config_class, name)
        value = _plain(given)
        if not _fits(value, wanted):
            faults.append(f"`{name}={given!r}`: expected {_NAMES[wanted]}.")
            continue
        values[name] = wanted(value)
    config = config_class(**values)
    try:
        config.validate()
    except ConfigError as error:
        # Of several faults the first line only counts them.
        faults += str(error).split("\n  ")[1:] or [str(error)]
    raise_faults(faults)
    return config


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple) and all(isinstance(one, str | os.PathLike | int) for one in value):
        return ",".join(map(str, value))
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _fits(value: Any, wanted: type) -> bool:
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


@contextlib.contextmanager
def named_as_given(arguments: Mapping[str, str]) -> Iterator[None]:
    """Errors raised inside name settings by the arguments that they were given by.

    Args:
        arguments: name of a setting -> name of the argument.
    """
    def spell(name: str, value: str | None) -> str | None:
        if name not in arguments:
            return None
        return f"`{arguments[name]}`" if value is None else f"`{arguments[name]}={value}`"

    try:
        yield
    except XtremeDistilError as error:
        error.args = (respelled(str(error), spell),)
        raise
