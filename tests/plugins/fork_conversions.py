"""What AutoGraph made over for graphs in one command it need not make over in the next ones: see forked_python.py.

Making the source of a function over takes a tenth of a second, which is a third of all that a short run does. A command
notes at its end which functions it was; the process that forks makes the same ones over before it forks again.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import pathlib
import sys
from typing import Any

_FILE = "conversions"


def _made_over() -> dict[Any, dict[Any, Any]]:
    """Code -> options -> what was made of it."""
    from tensorflow.python.autograph.impl import api

    return dict(api._TRANSPILER._cache._cache)


def note(folder: pathlib.Path) -> None:
    """At the end of a command. What has no name by which others find it is left out."""
    lines = []
    for code, made in _made_over().items():
        name = getattr(code, "co_qualname", "<locals>")  # from Python 3.11 on
        options = [option.as_tuple()[:3] for option in made if not option.optional_features]
        if "<locals>" not in name and options:
            lines.append(json.dumps([code.co_filename, name, options]) + "\n")
    with open(folder / _FILE, "a", encoding="utf-8") as file:
        file.write("".join(lines))


class Conversions:
    """Those of the commands that have ended."""

    def __init__(self, folder: pathlib.Path):
        self._file, self._read, self._known = folder / _FILE, 0, set()

    def repeat(self) -> None:
        """Makes over what is new, without calling it."""
        if not self._file.exists():
            return
        with open(self._file, encoding="utf-8") as file:
            file.seek(self._read)
            new = set(file.readlines()) - self._known
            self._read = file.tell()
        self._known |= new
        modules = {getattr(module, "__file__", None): module for module in list(sys.modules.values())} if new else {}
        for path, name, options in map(json.loads, sorted(new)):
            with contextlib.suppress(Exception):  # it is made over where it is needed, then
                _repeat(functools.reduce(getattr, name.split("."), modules[path]), options)


def _repeat(function: Any, options: list[list[bool]]) -> None:
    from tensorflow.python.autograph.core import converter
    from tensorflow.python.autograph.impl import api

    function = inspect.unwrap(function)
    for recursive, asked, internal in options:
        wanted = converter.ConversionOptions(recursive, asked, internal, None)
        api._convert_actual(function, converter.ProgramContext(wanted))
