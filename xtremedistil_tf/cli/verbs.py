"""`xtreme-distil <verb>`: one command for all that the package does.

xtreme-distil new my_task --kind=tagging      write a commented flag file for your own task
xtreme-distil distil --flagfile=my_task.cfg   distil a student
xtreme-distil flags dropout                   search the flags of all commands
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

from xtremedistil_tf.cli.flags import as_flags
from xtremedistil_tf.cli.main import EXIT_USER_ERROR, run_command
from xtremedistil_tf.config import (
    DistillationConfig,
    ExportConfig,
    ModelFineTuningConfig,
    PredictionConfig,
    StudentFineTuningConfig,
)
from xtremedistil_tf.config.commands import ServeConfig, StoreConfig
from xtremedistil_tf.config.sweep import SweepConfig


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of the package.

    Attributes:
        verb: after `xtreme-distil`.
        script: in the root of a checkout.
        installed: a name of its own once the package is installed, or "".
        function: its module in `xtremedistil_tf.cli` and its name there; the docstring is the manual.
        config_class: what its flags are made from.
    """

    verb: str
    script: str
    installed: str
    function: str
    config_class: type

    def main(self) -> None:
        """Runs the command on `sys.argv` and exits, see `run_command`."""
        run_command(self._function, self.config_class)

    @property
    def _function(self) -> Callable[[list[str]], None]:
        module, name = self.function.split(".")
        return getattr(importlib.import_module(f"xtremedistil_tf.cli.{module}"), name)  # type: ignore[no-any-return]

    @property
    def names(self) -> list[str]:
        """What it is called once the package is installed."""
        return [f"xtreme-distil {self.verb}", *([self.installed] if self.installed else [])]

    @property
    def description(self) -> str:
        """What it does, as `--help` begins."""
        return inspect.getdoc(self._function) or ""

    @property
    def summary(self) -> str:
        """The first line of its description."""
        return self.description.splitlines()[0]


DISTIL = Command("distil", "run_xtreme_distil.py", "", "training_commands.distil", DistillationConfig)
PREDICT = Command("predict", "run_xtreme_distil_predict.py", "xtreme-distil-predict", "answering_commands.predict",
                  PredictionConfig)
EXPORT = Command("export", "run_xtreme_distil_export.py", "xtreme-distil-export", "answering_commands.export",
                 ExportConfig)
PREDICT_ONNX = Command("predict-onnx", "run_xtreme_distil_predict_onnx.py", "xtreme-distil-predict-onnx",
                       "answering_commands.predict_onnx", PredictionConfig)
SERVE = Command("serve", "run_xtreme_distil_serve.py", "xtreme-distil-serve", "answering_commands.serve", ServeConfig)
STORE = Command("store", "run_xtreme_distil_store.py", "xtreme-distil-store", "store.store", StoreConfig)
SWEEP = Command("sweep", "run_xtreme_distil_sweep.py", "xtreme-distil-sweep", "training_commands.sweep", SweepConfig)
FINE_TUNE = Command("fine-tune", "run_xtreme_distil_ft.py", "xtreme-distil-ft", "training_commands.fine_tune_student",
                    StudentFineTuningConfig)
FINE_TUNE_TEACHER = Command("fine-tune-teacher", "run_model_ft.py", "xtreme-distil-model-ft",
                            "training_commands.fine_tune_model", ModelFineTuningConfig)
COMMANDS = (DISTIL, PREDICT, EXPORT, PREDICT_ONNX, SERVE, STORE, SWEEP, FINE_TUNE, FINE_TUNE_TEACHER)

_OTHERS = {"new": "Write a commented flag file for your own task, and list the files that it needs.",
           "flags": "Search the flags of all commands: xtreme-distil flags WORD."}
_HELP = ("-h", "-help", "--help", "help")


def main() -> None:
    """Runs the verb that the first word names; flags without a verb distil, as before there were verbs."""
    words = sys.argv[1:]
    if not words or words[0] in _HELP:
        print(usage())
        sys.exit(0 if words else EXIT_USER_ERROR)
    verb, rest = ("distil", words) if words[0].startswith("-") else (words[0], words[1:])
    sys.argv = [f"xtreme-distil {verb}", *rest]
    found = next((command for command in COMMANDS if command.verb == verb), None)
    if found:
        found.main()
    elif verb == "flags":
        run_command(lambda argv: print(matching_flags(argv[1:])))
    elif verb == "new":
        from xtremedistil_tf.cli.new_task import NewTaskConfig, new_task

        run_command(new_task, NewTaskConfig)
    else:
        print(f"error: {verb}: no such verb. Expected one of {', '.join(_verbs())}.", file=sys.stderr)
        sys.exit(EXIT_USER_ERROR)


def usage() -> str:
    """What the verbs are."""
    verbs = _verbs()
    width = max(map(len, verbs))
    lines = [__doc__.strip(), "", "Verbs; each has --help:", ""]
    return "\n".join([*lines, *(f"  {verb:<{width}}  {summary}" for verb, summary in verbs.items())])


def _verbs() -> dict[str, str]:
    return {command.verb: command.summary for command in COMMANDS} | _OTHERS


def matching_flags(words: Sequence[str]) -> str:
    """The flags whose name or help text has all the words, by command."""
    patterns = [re.compile(re.escape(word.lstrip("-")), re.IGNORECASE) for word in words]
    lines: list[str] = []
    seen: set[Any] = set()
    for command in COMMANDS:
        fields = [field for field in dataclasses.fields(command.config_class)
                  if (field.name, field.metadata["help"]) not in seen
                  and all(p.search(f"{field.name} {field.metadata['help']}") for p in patterns)]
        seen |= {(field.name, field.metadata["help"]) for field in fields}
        lines += _shown(command, fields)
    return "\n".join(lines) or f"no flag has {' and '.join(words)}"


def _shown(command: Command, fields: Sequence[dataclasses.Field[Any]]) -> list[str]:
    lines = [f"xtreme-distil {command.verb}"] if fields else []
    for field in fields:
        default = repr(field.default) if field.default == "" else field.default
        text = as_flags(field.metadata["help"], command.config_class)
        lines += [f"  --{field.name}  (default {default})",
                  *textwrap.wrap(text, 100, initial_indent="      ", subsequent_indent="      ")]
    return lines


if __name__ == "__main__":
    main()
