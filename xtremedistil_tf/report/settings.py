"""The report's section that lets somebody run it again: command, configuration, versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.html_table import html_table
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import text


def settings(metrics: Mapping[str, Any]) -> Section | None:
    """The exact command, and the rest folded away."""
    parts = []
    if metrics.get("command"):
        # The script shows the button: without it there is nothing to press.
        # A flag is a box of its own, for else lines would break after its hyphens.
        line = " ".join(f"<span>{text(word)}</span>" for word in str(metrics["command"]).split(" "))
        parts.append('<div class="command">'
                     '<button type="button" hidden="hidden" data-copy="command-line">Copy</button>'
                     f'<pre id="command-line">{line}</pre></div>')
    for key, title in (("config", "Configuration"), ("versions", "Versions")):
        values = metrics.get(key)
        if isinstance(values, Mapping) and values:
            rows = [[text(name), text(value)] for name, value in values.items()]
            table = html_table(f"{title} of the run", [], rows, words=True)
            parts.append(f'<details id="{key}"><summary>{title}</summary>{table}</details>')
    return Section("command", "Command", "".join(parts)) if parts else None
