"""The report's section on the exported forms of the student."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.exports_table import exports_rows, measured_on
from xtremedistil_tf.report.html_table import bar, html_table
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import dig, finite, isolated, text

_NEEDED = {"main_score", "kind", "examples", "threads", "seq_len", "forms"}


def exported_forms(metrics: Mapping[str, Any]) -> Section | None:
    """Size, agreement with the student, score and speed of each form."""
    exports = metrics.get("exports")
    if not isinstance(dig(exports, "forms"), Mapping) or not set(exports) >= _NEEDED:
        return None
    header, *found = exports_rows(exports)
    if not found:
        return None
    sizes = {name: finite(dig(facts, "bytes")) or 0.0 for name, facts in exports["forms"].items()}
    largest = max(sizes.values()) or 1.0
    rows = [[isolated(name), bar(sizes[name] / largest, "student"), *map(text, cells)]
            for name, *cells in found]
    heads = [header[0], "size", *map(text, header[1:-1]), "passed" if any(row[-1] for row in found) else ""]
    if not heads[-1]:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    return Section("exports", "Exported forms", html_table(
        text(f"Measured on {measured_on(exports)}"), [heads], rows, bars=True, sortable=True))
