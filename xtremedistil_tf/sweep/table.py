"""The table of a sweep, on a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.tasks.score_names import score_name


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
            f"Milliseconds for one example of {report['seq_len']} pieces on one thread; size of the file."]
    return told + ([f"Budget: {budget}."] if budget else [])


def _row(point: Mapping[str, Any], form: str) -> list[str]:
    quantization = "" if point["quantization"] == "none" else f" {point['quantization']}"
    return [str(point["front"] or ""), point["title"], f"{form}{quantization}", f"{100 * point['score']:.2f}",
            f"{100 * point['test_score']:.2f}", f"{point['ms']:.3g}", f"{point['megabytes']:.3g}",
            f"{point['parameters']:,}", "" if point["within_budget"] else "over the budget"]
