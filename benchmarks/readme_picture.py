"""The picture of README.md: F1 against size and speed, from the figures of rivals_tagging.py.

  python benchmarks/readme_picture.py
"""

from __future__ import annotations

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIGURES = ROOT / "benchmarks" / "results" / "rivals_tagging.json"
PICTURE = ROOT / "docs" / "img" / "size_speed_f1.svg"
DATA = "ner-wikiann/en"
#: (row, form) of the figures -> label, its class, and where it stands beside its point: dx, dy, anchor.
SHOWN = {
    ("teacher", "ONNX"): ("teacher", "teacher", (0, -12, "middle")),
    ("transformer 3 x 384 of the teacher's layers, distilled", "ONNX int8"): ("3 layers", "ours", (0, -12, "middle")),
    ("BiLSTM E=128 H=128, distilled", "ONNX int8"): ("BiLSTM 128/128", "ours", (0, -12, "middle")),
    ("BiLSTM E=50 H=200, distilled", "ONNX int8"): ("BiLSTM 50/200", "ours", (-8, 22, "middle")),
    ("spaCy small NER, the teacher's answers", "spaCy"): ("spaCy, teacher's answers", "other", (12, 5, "start")),
    ("spaCy small NER, labels alone", "spaCy"): ("spaCy, labels", "other", (12, 5, "start")),
}
FAMILIES = {"teacher": "teacher, 6 layers", "ours": "XtremeDistil-TF, int8", "other": "spaCy small NER"}
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 840, 360, 56, 48, 52, 60
PANEL = (WIDTH - LEFT - GAP - 24) / 2
LOW, HIGH = 50, 72
# Pages show the file as an image, which follows the reader's colour scheme on its own.
STYLE = """
  text { font: 13px sans-serif; fill: #24292f; } .grid { stroke: #d0d7de; } .small { font-size: 12px; }
  .teacher { fill: #0072b2; } .ours { fill: #d55e00; } .other { fill: #009e73; } .back { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .grid { stroke: #3d444d; } .back { fill: #0d1117; }
    .teacher { fill: #56b4e9; } .ours { fill: #ff8f3f; } .other { fill: #3fd0a0; } }
"""


def text(x: float, y: float, words: str, css: str = "", anchor: str = "middle") -> str:
    kind = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind} text-anchor="{anchor}">{words}</text>'


def panel(left: float, title: str, ticks: Sequence[float], points: Mapping[Any, tuple[float, float]]) -> list[str]:
    """A plane of cost (logarithmic, from the first tick to the last) and F1."""
    low, high = math.log(ticks[0]), math.log(ticks[-1])
    bottom = HEIGHT - BOTTOM

    def across(cost: float) -> float:
        return left + PANEL * (math.log(cost) - low) / (high - low)

    def up(score: float) -> float:
        return bottom - (bottom - TOP) * (score - LOW) / (HIGH - LOW)

    parts = [text(left + PANEL / 2, HEIGHT - 10, title)]
    for tick in ticks:
        parts += [f'<path class="grid" d="M{across(tick):.1f} {TOP}V{bottom}"/>',
                  text(across(tick), bottom + 18, f"{tick:g}", "small")]
    for score in range(LOW, HIGH, 5):
        parts += [f'<path class="grid" d="M{left:.1f} {up(score):.1f}H{left + PANEL:.1f}"/>',
                  text(left - 8, up(score) + 4, str(score), "small", "end")]
    for key, (cost, score) in points.items():
        label, family, (dx, dy, anchor) = SHOWN[key]
        parts += [f'<circle class="{family}" cx="{across(cost):.1f}" cy="{up(score):.1f}" r="6"/>',
                  text(across(cost) + dx, up(score) + dy, label, "small", anchor)]
    return parts


def picture(rows: Sequence[Mapping[str, Any]]) -> str:
    """The SVG file.

    Raises:
        KeyError: a row of SHOWN is missing.
    """
    found = {(row["name"], row["form"]): row for row in rows}
    sizes = {key: (found[key]["bytes"] / 1e6, 100 * found[key]["score"]) for key in SHOWN}
    times = {key: (found[key]["speed"]["batch_32"]["median_ms"], 100 * found[key]["score"]) for key in SHOWN}
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
             "<title>Entity F1 against megabytes and against milliseconds</title>", f"<style>{STYLE}</style>",
             f'<rect class="back" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
             text(LEFT - 30, 24, "Entity F1, English WikiANN", anchor="start")]
    for index, (family, name) in enumerate(FAMILIES.items()):
        x = 330 + 170 * index
        parts += [f'<circle class="{family}" cx="{x}" cy="20" r="6"/>', text(x + 12, 24, name, anchor="start")]
    parts += panel(LEFT, "MB on disk", (1, 3, 10, 30, 100, 200), sizes)
    parts += panel(LEFT + PANEL + GAP, "ms for 32 sentences, one core", (3, 10, 30, 100, 300, 500), times)
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))[DATA]["rows"]
    with atomic_file(PICTURE) as part:
        part.write_text(picture(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
