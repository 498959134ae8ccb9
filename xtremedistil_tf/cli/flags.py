"""absl flags made from a configuration class. Nothing is registered globally, nothing heavy imported."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from absl import flags

from xtremedistil_tf.config import field_type
from xtremedistil_tf.config.arguments import TYPE_NAMES
from xtremedistil_tf.config.naming import respelled
from xtremedistil_tf.errors import ConfigError

_DEFINE = {str: flags.DEFINE_string, int: flags.DEFINE_integer, float: flags.DEFINE_float,
           bool: flags.DEFINE_boolean}
# The original lets one leave out the value of these, which then means their default.
_VALUE_OPTIONAL = ("opt_policy", "pt_student_checkpoint")

# Messages of absl: a value of another type; a file of flags that cannot be opened.
_ILLEGAL = re.compile(r"flag --(\w+)=(.*?): ", re.DOTALL)
_UNREADABLE = re.compile(r"ERROR:: Unable to open flagfile: \[Errno \d+\] (.+): '(.+)'")


class _Settings(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def validate(self) -> None:
        """Raises ConfigError on the first value that is not allowed."""


Config = TypeVar("Config", bound=_Settings)


def parse_flags(config_class: type[Config], argv: Sequence[str], description: str | None) -> Config:
    """Reads `argv` (with the program's name first) and returns a validated configuration.

    `--flagfile=FILE` reads further flags from a file. `--help` prints the description, a docstring, and the flags by
    group, and exits 0.

    Raises:
        ConfigError: unknown flag, malformed or missing value, words that are no flags.
    """
    values = flags.FlagValues()
    for field in dataclasses.fields(config_class):
        _DEFINE[field_type(config_class, field.name)](field.name, field.default, field.metadata["help"],
                                                      flag_values=values)
    flags.DEFINE_string("flagfile", "", "File with one flag per line.", flag_values=values)
    if any(word in ("--help", "-help", "-h", "--helpfull") for word in argv[1:]):
        print(help_text(config_class, description))
        sys.exit(0)
    try:
        words = values(_without_empty(argv, values))[1:]
    except (flags.Error, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_explained(error, config_class)} (see --help)") from error
    if words:
        raise ConfigError(f"unexpected words on the command line: {' '.join(words)}. Expected --name=value flags.")
    config = config_class(**{f.name: values[f.name].value for f in dataclasses.fields(config_class)})
    config.validate()
    return config


def _explained(error: Exception, config_class: type) -> str:
    """What absl found, in the words of our own messages."""
    illegal = _ILLEGAL.match(str(error))
    if illegal and any(field.name == illegal[1] for field in dataclasses.fields(config_class)):
        return f"`{illegal[1]}={illegal[2]}`: expected {TYPE_NAMES[field_type(config_class, illegal[1])]}"
    return _UNREADABLE.sub(r"`flagfile=\2`: \1", str(error))


def as_flags(text: str, config_class: type) -> str:
    """A message of the library in the words of the command line.

    Args:
        text: names settings in backticks: `seq_len`, `seq_len=32`, `do_NER=False`.
        config_class: whose settings are flags; others stay in backticks.

    Returns:
        The text with --seq_len, --seq_len=32, --nodo_NER in their place.
    """
    known = {field.name for field in dataclasses.fields(config_class)}

    def spell(name: str, value: str | None) -> str | None:
        if name not in known:
            return None
        if value is None:
            return f"--{name}"
        if field_type(config_class, name) is bool and value in ("True", "False"):
            return f"--{name}" if value == "True" else f"--no{name}"
        return f"--{name}={value}"

    return respelled(text, spell)


def _without_empty(words: Sequence[str], known: flags.FlagValues) -> list[str]:
    empty = {f"--{name}" for name in _VALUE_OPTIONAL if name in known}
    return [word for word, following in zip(words, [*words[1:], "--"])
            if not (word in empty and following.startswith("--"))]


def help_text(config_class: type, description: str | None) -> str:
    """The program's description and its flags, by group, with types, choices and defaults."""
    lines = [inspect.cleandoc(description or ""), "",
             "Flags (booleans: --name, --noname); --flagfile=FILE reads flags from a file, one per line:"]
    group = None
    for field in sorted(dataclasses.fields(config_class), key=_group_order(config_class)):
        if field.metadata["group"] != group:
            group = field.metadata["group"]
            lines += ["", f"{group}"]
        text = as_flags(field.metadata["help"], config_class)
        lines += [f"  --{field.name}  ({_kind(config_class, field)}; default {_shown(field.default)})",
                  *textwrap.wrap(text, 92, initial_indent="      ", subsequent_indent="      ")]
    return "\n".join(lines)


def _group_order(config_class: type) -> Callable[[dataclasses.Field[Any]], int]:
    order: dict[str, int] = {}
    for field in dataclasses.fields(config_class):
        order.setdefault(field.metadata["group"], len(order))
    return lambda field: order[field.metadata["group"]]


def _kind(config_class: type, field: dataclasses.Field[Any]) -> str:
    return "|".join(field.metadata["choices"] or ()) or field_type(config_class, field.name).__name__


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) and not value else str(value)
