"""What the pages of benchmarks/results share: tables, the machine, and commands without this machine's paths."""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import platform
import re
from collections.abc import Mapping, Sequence
from typing import Any

from discussion import with_discussion


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def percent(value: float | None) -> str:
    """A share of one as a percentage with two decimals."""
    return "-" if value is None else f"{100 * value:.2f}"


def spread(scores: Mapping[str, Any], main: str = "f1") -> str:
    """Mean and standard deviation over languages in percent, as the papers' tables have them; else the score."""
    if f"mean_{main}" not in scores:
        return percent(scores[main])
    return f"{percent(scores[f'mean_{main}'])} ({100 * scores[f'std_{main}']:.1f})"


def environment(versions: Mapping[str, str]) -> str:
    """One line: the machine, the versions and the day."""
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"{platform.machine()}, {os.cpu_count()} cores. {listed}. {datetime.date.today():%Y-%m-%d}."


def public_command(command: str) -> str:
    """A command line with $XTREMEDISTIL_DATA for its folder and bare names for other absolute paths."""
    data = os.environ.get("XTREMEDISTIL_DATA")
    if data:
        command = command.replace(data, "$XTREMEDISTIL_DATA")
    return re.sub(r"(?<=[=,])/\S*?/?([^/\s,]+)(?=\s|,|$)", r"\1", command)


def commands(lines: Sequence[str]) -> str:
    """The section with the commands of a page's runs, each once."""
    return "## Commands\n\n```sh\n" + "\n".join(f"python {public_command(line)}"
                                                 for line in dict.fromkeys(lines)) + "\n```"


def picture(out: pathlib.Path, text: str) -> str:
    """The picture that lies beside a page under its name."""
    return f"![{text}]({out.with_suffix('.svg').name})"


def write_page(out: pathlib.Path, parts: Sequence[str], figures: Any) -> None:
    """Writes the Markdown page, with its discussion, and its figures as JSON beside it."""
    out.write_text("\n\n".join(with_discussion(out, parts)) + "\n", encoding="utf-8")
    out.with_suffix(".json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
