"""What a sweep leaves behind: figures, a page, a picture, and a flag file for each point of the front."""

from __future__ import annotations

import pathlib
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_directory, atomic_file, write_json
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.sweep.budget import Budget, shown_costs
from xtremedistil_tf.sweep.candidates import Candidate, titled
from xtremedistil_tf.sweep.flagfile import flagfile
from xtremedistil_tf.sweep.front import on_front
from xtremedistil_tf.sweep.full_run import export_words
from xtremedistil_tf.sweep.picture import picture
from xtremedistil_tf.sweep.table import early_rounds, markdown_table, measured_on
from xtremedistil_tf.tasks.score_names import score_name

_FLAGFILES = "flagfiles"


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
    _write(folder / "pareto.svg", picture(report))
    _write(folder / "sweep.md", _page(folder, report))
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


def _write(path: pathlib.Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")
