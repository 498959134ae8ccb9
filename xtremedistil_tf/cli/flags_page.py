"""The flags of all commands as a page of the documentation, made from the configuration classes.

  python -m xtremedistil_tf.cli.flags_page docs/flags.md
"""

from __future__ import annotations

import dataclasses
import re
import sys
import textwrap
from typing import Any

from xtremedistil_tf.atomic import write_text
from xtremedistil_tf.cli.flags import as_flags
from xtremedistil_tf.cli.verbs import COMMANDS, Command
from xtremedistil_tf.config import field_type

_WIDTH = 120
_TYPES = {str: "string", int: "integer", float: "float", bool: "boolean"}
_MARKED_UP = re.compile(r"([*`\\\[\]])")
_PAGE = re.compile(r"docs/(\w+\.md)")
_INTRODUCTION = """\
# Flags

<!-- Made by: python -m xtremedistil_tf.cli.flags_page docs/flags.md -->

This page lists every flag of every command; `--help` prints the same. Write `--name=value` or `--name value`.
Boolean flags are `--name` and `--noname`. `--flagfile=FILE` reads flags from a file, one per line; `#` starts a
comment. If a flag is given twice, the last value wins. In Python, the same names are arguments of
`xtremedistil_tf.distil` and of the configuration classes.
"""


def flags_page() -> str:
    """The whole page in Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(command) for command in COMMANDS)])


def _own_fields(config_class: type) -> list[dataclasses.Field[Any]]:
    """The fields of a configuration that it has not from another one."""
    inherited = {field.name for base in config_class.__mro__[1:] if dataclasses.is_dataclass(base)
                 for field in dataclasses.fields(base)}
    return [field for field in dataclasses.fields(config_class) if field.name not in inherited]


def _section(command: Command) -> str:
    same = next(other for other in COMMANDS if other.config_class is command.config_class)
    lines = [f"## {command.script}", "", *_wrapped(_escaped(command.summary)),
             f"Installed as {' and '.join(f'`{name}`' for name in command.names)}.", ""]
    if same is not command:
        return "\n".join([*lines, f"Its flags are those of [{same.script}](#{_anchor(same.script)}).", ""])
    base = next((other for other in COMMANDS if other.config_class in command.config_class.__mro__[1:]), None)
    if base:
        lines += [f"It has all flags of [{base.script}](#{_anchor(base.script)}), and these:", ""]
    groups: dict[str, list[dataclasses.Field[Any]]] = {}
    for field in _own_fields(command.config_class):
        groups.setdefault(field.metadata["group"], []).append(field)
    for group, fields in groups.items():
        lines += [f"### {group}", ""]
        for field in fields:
            lines += _entry(command.config_class, field)
        lines.append("")
    return "\n".join(lines)


def _entry(config_class: type, field: dataclasses.Field[Any]) -> list[str]:
    title = f"- **`--{field.name}`** ({'; '.join(_facts(config_class, field))})"
    text = _PAGE.sub(r"[\1](\1)", _escaped(as_flags(field.metadata["help"], config_class)))
    return [f"{title}:", *_wrapped(text, "  ")]


def _facts(config_class: type, field: dataclasses.Field[Any]) -> list[str]:
    meta = field.metadata
    bounds = [f"{word} {meta[key]}" for key, word in (("minimum", "from"), ("maximum", "to"))
              if meta[key] is not None]
    kind = " ".join([_TYPES[field_type(config_class, field.name)], *bounds])
    if meta["choices"]:
        kind = "one of " + ", ".join(f"`{choice}`" for choice in meta["choices"] if choice)
    return [kind, f"default {_shown(field.default)}"]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{value}`"
    return "empty" if value == "" else f"`{value}`"


def _wrapped(text: str, indent: str = "") -> list[str]:
    lines = textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent,
                          break_long_words=False, break_on_hyphens=False)
    # A line that begins with a dash would be a list of its own.
    return [re.sub(r"^( *)([-+#>])(?= )", r"\1\\\2", line) for line in lines]


def _escaped(text: str) -> str:
    return _MARKED_UP.sub(r"\\\1", text).replace("<", "&lt;")


def _anchor(title: str) -> str:
    return re.sub(r"[^\w-]", "", title.lower())


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_text(sys.argv[1], flags_page())


if __name__ == "__main__":
    main()
