"""The table of exported forms, on a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.tasks.score_names import score_name


def exports_rows(report: Mapping[str, Any]) -> list[list[str]]:
    """Header and one row for each form that was checked, as text."""
    main = report["main_score"]
    header = ["form", "MB", "agreement %", score_name(main, report["kind"]), "difference", "cold start s",
              "batch 1 ms", "batch 32 ms", "examples/s", "memory MB", ""]
    return [header] + [_row(name, facts, main) for name, facts in report["forms"].items() if main in facts]


def exports_table(report: Mapping[str, Any]) -> str:
    """Columns of text, with what the figures are about above them."""
    rows = exports_rows(report)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *[cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]]).rstrip()
             for row in rows]
    return "\n".join([measured_on(report), *lines])


def measured_on(report: Mapping[str, Any]) -> str:
    """What the figures are about, in one line."""
    return (f"{report['examples']} dev examples; latency at {report['seq_len']} pieces, {report['threads']} "
            f"thread{'s' if report['threads'] > 1 else ''}, examples/s without tokenization")


def _row(name: str, facts: Mapping[str, Any], main: str) -> list[str]:
    times = facts.get("latency", {})
    return [name, _shown(facts.get("bytes"), 1e-6, ".1f"), _shown(facts.get("agreement"), 100, ".2f"),
            _shown(facts[main], 100, ".2f"), _shown(facts.get("difference"), 100, "+.2f"),
            _shown(facts.get("cold_start_s"), 1, ".2f"),
            *[_shown(times.get(size, {}).get("median_ms"), 1, ".2f") for size in ("batch_1", "batch_32")],
            _shown(facts.get("examples_per_second"), 1, ",.0f"), _shown(facts.get("peak_memory_mb"), 1, ".0f"),
            "" if facts.get("passed", True) else "FAILED"]


def _shown(value: float | None, factor: float, form: str) -> str:
    return "-" if value is None else format(factor * value, form)
