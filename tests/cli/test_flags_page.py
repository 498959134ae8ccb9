"""The page of all flags: whole, and as committed."""

from __future__ import annotations

import dataclasses
import operator
import pathlib
import re
import subprocess
import sys

import pytest

from xtremedistil_tf.cli import verbs
from xtremedistil_tf.cli.flags_page import flags_page
from xtremedistil_tf.cli.verbs import COMMANDS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "flags.md"


def test_the_committed_page_is_the_one_that_is_made():
    expected = PAGE.read_text(encoding="utf-8")
    assert flags_page() == expected, "run: python -m xtremedistil_tf.cli.flags_page docs/flags.md"


def test_every_command_of_the_package_is_there():
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    installed = dict(re.findall(r"^    (xtreme-[\w-]+) = xtremedistil_tf\.cli\.verbs:(.+)$", setup, re.MULTILINE))
    assert installed.pop("xtreme-distil") == "main"
    found = {name: operator.attrgetter(place)(verbs) for name, place in installed.items()}
    assert found == {command.installed: command.main for command in COMMANDS if command.installed}
    assert {command.script for command in COMMANDS} == {path.name for path in ROOT.glob("run_*.py")}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_scripts_and_functions_belong_together(command):
    (name,) = re.findall(r"^from xtremedistil_tf\.cli\.verbs import (\w+)$",
                         (ROOT / command.script).read_text(encoding="utf-8"), re.MULTILINE)
    assert getattr(verbs, name) is command
    module, function = command.function.split(".")
    cli = (ROOT / "xtremedistil_tf" / "cli" / f"{module}.py").read_text(encoding="utf-8")
    assert f"parse_flags({command.config_class.__name__}," in cli.split(f"def {function}(")[1].split("\ndef ")[0]


def section_of(script):
    return flags_page().split(f"## {script}\n")[1].split("\n## ")[0]


def entries_of(script):
    return re.findall(r"^- \*\*`--(\w+)`\*\*", section_of(script), re.MULTILINE)


@pytest.mark.parametrize("command", {c.config_class: c for c in reversed(COMMANDS)}.values(),
                         ids=lambda command: command.verb)
def test_every_flag_has_its_entry(command):
    entries = entries_of(command.script)
    for base in COMMANDS:
        if base.config_class in command.config_class.__mro__[1:]:  # named instead of being repeated
            assert f"all flags of [{base.script}]" in section_of(command.script)
            entries += entries_of(base.script)
    assert sorted(entries) == sorted(field.name for field in dataclasses.fields(command.config_class))


def test_it_is_written_by_a_command(tmp_path):
    made = tmp_path / "flags.md"
    subprocess.run([sys.executable, "-m", "xtremedistil_tf.cli.flags_page", str(made)], check=True, cwd=ROOT)
    assert made.read_bytes() == PAGE.read_bytes()
