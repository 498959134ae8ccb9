"""The report's section on what came when and how long it took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.html_table import bar, html_table
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import dig, duration, finite, isolated, name_of, records

_TOTAL = "this run"
_BASELINE = "labels alone: "


def steps(metrics: Mapping[str, Any]) -> Section | None:
    """The steps in order, each with a bar that begins where the one before it ends."""
    taken = metrics.get("seconds") if isinstance(metrics.get("seconds"), Mapping) else {}
    listed = {str(name): value for name, value in taken.items() if name != _TOTAL}
    for phase in records(metrics.get("baseline_phases")):  # which older runs do not list
        listed.setdefault(_BASELINE + name_of(phase), phase.get("seconds"))
    if not listed:
        return None
    whole = sum(finite(value) or 0.0 for value in listed.values()) or 1.0
    rows, began = [], 0.0
    for name in sorted(listed, key=_rank):
        share = (finite(listed[name]) or 0.0) / whole
        rows.append([isolated(name), bar(share, _css(name), min(began, 1.0)), duration(listed[name]),
                     duration(dig(metrics, "cpu_seconds", name))])
        began += share
    heads = ["step", "one after another", "took", "CPU time"]
    if not metrics.get("cpu_seconds"):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    total = f"This run took {duration(taken[_TOTAL])} in all. " if _TOTAL in taken else ""
    table = html_table("Steps in the order in which they run", [heads], rows, bars=True)
    note = f"{total}A step that an earlier run had finished is listed with the time it took then."
    return Section("time", "Time", f'{table}<p class="quiet">{note}</p>')


def _rank(name: str) -> int:
    """Records list the store and what is measured after the phases, in no order of time."""
    if name.startswith("teacher"):
        return 0
    if name.startswith(_BASELINE):
        return 3
    return {"transfer store": 1, "evaluation": 4}.get(name, 2)


def _css(name: str) -> str:
    return {0: "teacher", 1: "teacher", 3: "baseline"}.get(_rank(name), "student")
