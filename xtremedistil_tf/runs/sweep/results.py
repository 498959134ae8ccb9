"""What a sweep leaves behind: its table, page, picture, and a flag file for each point of the front."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_directory, write_json, write_text
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.evaluation.report.charts import Dot, scatter_chart
from xtremedistil_tf.evaluation.report.values import text
from xtremedistil_tf.runs.sweep.candidates import COSTS, Budget, Candidate, on_front, shown_costs, titled
from xtremedistil_tf.runs.sweep.processes import export_words, flagfile
from xtremedistil_tf.tasks.registry import score_name

_WIDTH, _HEIGHT, _MARGIN = 320, 180, 12
_TITLES = {"ms": "latency, ms", "megabytes": "size, MB"}
_STYLE = """
.page { fill: #ffffff; }
text { fill: #5b6675; font: 11px system-ui, "Segoe UI", Roboto, sans-serif; }
.grid { stroke: #dde2e9; }
.limit { stroke: #c26a04; stroke-dasharray: 6 4; }
.curve { fill: none; stroke: #2563eb; stroke-width: 1.5; }
.point.student { fill: #2563eb; }
.point.other { fill: #ffffff; stroke: #6b7a90; }
.value { fill: #1b2430; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; }
@media (prefers-color-scheme: dark) {
  .page { fill: #1a2029; }
  text { fill: #9aa6b6; }
  .grid { stroke: #303947; }
  .limit { stroke: #f2b34c; }
  .curve { stroke: #6ea8ff; }
  .point.student { fill: #6ea8ff; }
  .point.other { fill: #1a2029; stroke: #94a3b8; }
  .value { fill: #e6eaf0; stroke: #1a2029; }
}
"""
_FLAGFILES = "flagfiles"


def points_rows(report: Mapping[str, Any]) -> list[list[str]]:
    """Header and one row for each point, as text; the number of those on the front comes first."""
    header = ["front", "student", "form", "dev", f"{report['split']}, Keras", "ms", "MB", "parameters",
              ""]
    return [header] + [_row(point, report["format"]) for point in report["points"]]


def points_table(report: Mapping[str, Any]) -> str:
    """Columns of text, with what the figures are about above them."""
    rows = points_rows(report)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if 1 <= i <= 2 else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]
    return "\n".join([*measured_on(report), *lines])


def markdown_table(report: Mapping[str, Any]) -> list[str]:
    """The lines of the same table in Markdown."""
    header, *rows = ([cell.replace("|", "\\|") for cell in row] for row in points_rows(report))
    return [f"| {' | '.join(row)} |" for row in (header, ["---:", "---", "---", *["---:"] * 5, "---"], *rows)]


def early_rounds(report: Mapping[str, Any]) -> list[str]:
    """A Markdown item for each early round: its scores, and who went on."""
    lines = []
    for number, one in enumerate(report["rounds"], 1):
        scores = ", ".join(f"{name} {100 * score:.2f}" for name, score in one["dev_scores"].items())
        lines.append(f"- round {number}, {100 * one['epochs']:.0f} % of the epochs: {scores}. "
                     f"Went on: {', '.join(one['go_on'])}.")
    return lines


def measured_on(report: Mapping[str, Any]) -> list[str]:
    """What the figures are about, a sentence each."""
    name = score_name(report["main_score"], report["kind"])
    budget = " and ".join([f"at most {report['max_latency_ms']:g} ms"] * bool(report["max_latency_ms"])
                          + [f"at most {report['max_megabytes']:g} MB"] * bool(report["max_megabytes"]))
    teacher = report["teacher"]
    told = [f"{name} of each file on {report['dev_examples']} dev examples, and of its Keras student on the "
            f"{report['split']} set"
            + (f", where the teacher has {100 * teacher:.2f}." if teacher is not None else "."),
            f"Milliseconds for one example of {report['seq_len']} subwords on one thread; size of the file."]
    return told + ([f"Budget: {budget}."] if budget else [])


def _row(point: Mapping[str, Any], form: str) -> list[str]:
    quantization = "" if point["quantization"] == "none" else f" {point['quantization']}"
    return [str(point["front"] or ""), point["title"], f"{form}{quantization}", f"{100 * point['score']:.2f}",
            f"{100 * point['test_score']:.2f}", f"{point['ms']:.3g}", f"{point['megabytes']:.3g}",
            f"{point['parameters']:,}", "" if point["within_budget"] else "over the budget"]


def picture(report: Mapping[str, Any]) -> str:
    """The report's points as an SVG file. Those of the front have their numbers; in each chart a line joins those
    that are on the front of its two axes."""
    charts = [f'<svg x="{_MARGIN + number * (_WIDTH + _MARGIN)}" y="{_MARGIN}" width="{_WIDTH}" '
              f'height="{_HEIGHT}">{_chart(report, cost)}</svg>' for number, cost in enumerate(COSTS)]
    width, height = len(COSTS) * (_WIDTH + _MARGIN) + _MARGIN, _HEIGHT + 2 * _MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{1.5 * width:g}" '
            f'height="{1.5 * height:g}"><title>{text(report["task"])}</title><style>{_STYLE}</style>'
            f'<rect class="page" width="{width}" height="{height}"/>{"".join(charts)}</svg>\n')


def _chart(report: Mapping[str, Any], cost: str) -> str:
    title = f"dev {score_name(report['main_score'], report['kind'])}"
    points = sorted(report["points"], key=lambda point: (point["front"] is not None, point[cost]))
    dots = [_dot(report, point, cost) for point in points]
    within = [dot for dot, point in zip(dots, points) if point["within_budget"]]
    front = on_front([(dot.x, -dot.y) for dot in within])
    joined = sorted((dot for dot, is_on in zip(within, front) if is_on), key=lambda dot: dot.x)
    return scatter_chart(f"{title} against {_TITLES[cost]}", _TITLES[cost], title, dots, joined,
                         report[COSTS[cost][0]] or None)


def _dot(report: Mapping[str, Any], point: Mapping[str, Any], cost: str) -> Dot:
    score = 100 * point["score"]
    told = f"{titled(point['title'], point['quantization'])}, {report['format']}: {score:.2f}, {shown_costs(point)}"
    return Dot(point[cost], score, "student" if point["front"] else "other", str(point["front"] or ""), told)


def sweep_report(config: SweepConfig, command: str, points: Sequence[Mapping[str, Any]],
                 facts: Mapping[str, Any], rounds: Sequence[Mapping[str, Any]],
                 over_budget: Sequence[Mapping[str, Any]], failed: Mapping[str, str]) -> dict[str, Any]:
    """What sweep.json holds.

    Args:
        config: of the sweep.
        command: its command line.
        points: see `points_of`.
        facts: of the runs, which go into the report as they are.
        rounds: of each early round `epochs` (share), `dev_scores`, `go_on`.
        over_budget: forms that were left out untrained.
        failed: what failed -> why.

    Returns:
        These, and `points` from the best score down, each with `within_budget`, and `front`: its number on
        the front of score and budgeted costs, from 1, or None.
    """
    budget = Budget.of(config)
    ordered = [dict(point, within_budget=not budget.excess(point), front=None)
               for point in sorted(points, key=lambda point: -point["score"])]
    within = [point for point in ordered if point["within_budget"]]
    front = on_front([(-point["score"], *budget.counted(point)) for point in within])
    for number, point in enumerate((point for point, is_on in zip(within, front) if is_on), 1):
        point["front"] = number
    return {"task": config.task, "format": config.sweep_format, "max_latency_ms": config.max_latency_ms,
            "max_megabytes": config.max_megabytes, **facts, "points": ordered, "rounds": list(rounds),
            "over_budget": list(over_budget), "failed": dict(failed), "command": command}


def write_results(folder: pathlib.Path, report: Mapping[str, Any], students: Sequence[Candidate]) -> None:
    """Writes `sweep.md`, `pareto.svg`, `flagfiles/<point>.cfg` and, last, `sweep.json`."""
    candidates = {candidate.name: candidate for candidate in students}
    with atomic_directory(folder / _FLAGFILES) as part:
        for point in _front(report):
            text = _flagfile(folder, report, point, candidates[point["student"]])
            (part / f"{point['name']}.cfg").write_text(text, encoding="utf-8")
    write_text(folder / "pareto.svg", picture(report))
    write_text(folder / "sweep.md", _page(folder, report))
    write_json(folder / "sweep.json", report)


def _front(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [point for point in report["points"] if point["front"]]


def _flagfile(folder: pathlib.Path, report: Mapping[str, Any], point: Mapping[str, Any],
              candidate: Candidate) -> str:
    name = score_name(report["main_score"], report["kind"])
    told = (f"{titled(point['title'], point['quantization'])}, {report['format']}: {name} "
            f"{100 * point['score']:.2f} on dev, {shown_costs(point)}, {point['parameters']:,} parameters. It is in "
            f"{candidate.config.model_dir}; to make it again:")
    export = ["python", "run_xtreme_distil_export.py", "--model_dir=out",
              *export_words(report["format"], [point["quantization"]])]
    file = folder / _FLAGFILES / f"{point['name']}.cfg"
    return flagfile(candidate.config, str(file), [told], [shlex.join(export)])


def _page(folder: pathlib.Path, report: Mapping[str, Any]) -> str:
    lines = [f"# Sweep: {report['task']}", "", "![Score against latency and against size](pareto.svg)", "",
             " ".join(measured_on(report)), "", *markdown_table(report), "",
             "Numbered: on the front, that is, no other is as good in score and cost and better in one. Each of "
             f"these has a flag file in [{_FLAGFILES}]({_FLAGFILES}) that makes it again:", ""]
    lines += [f"{point['front']}. [{point['name']}.cfg]({_FLAGFILES}/{point['name']}.cfg)"
              for point in _front(report)]
    lines += ["", "## Rounds", "", *early_rounds(report)]
    trained = dict.fromkeys(point["title"] for point in report["points"])
    lines += [f"- last round, in full: {', '.join(trained)}."]
    lines += [f"- over the budget untrained: {titled(one['student'], one['quantization'])} ({shown_costs(one)})."
              for one in report["over_budget"]]
    lines += [f"- failed: {where}: {why}" for where, why in report["failed"].items()]
    lines += ["", "## Command", "", *(f"    {line}" for line in report["command"].splitlines()), ""]
    return "\n".join(lines)
