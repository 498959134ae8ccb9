"""The picture of a sweep: score against latency and against size, for light and dark screens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.charts import Dot, scatter_chart
from xtremedistil_tf.report.values import text
from xtremedistil_tf.sweep.budget import COSTS, shown_costs
from xtremedistil_tf.sweep.candidates import titled
from xtremedistil_tf.sweep.front import on_front
from xtremedistil_tf.tasks.score_names import score_name

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
