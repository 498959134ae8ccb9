"""Pictures of the pages in benchmarks/results: SVG files that are the same, byte for byte, for the same figures."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.errors import MissingExtraError
from xtremedistil_tf.runs.sweep.candidates import on_front

#: Of Okabe and Ito: told apart also by those who do not see all colours.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
Point = tuple[float, float]
# Names of more characters than this stand aslant, or they would run into one another.
_UPRIGHT = 10


def require_matplotlib() -> None:
    """Said before a benchmark runs for an hour, not after it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingExtraError("matplotlib", "benchmarks", "a benchmark's picture") from error


def curves(file: pathlib.Path, panels: Mapping[str, Mapping[str, Sequence[Point]]], x: str, y: str,
           ticks: Sequence[str] = (), log: bool = False) -> None:
    """One panel beside another, each with lines through points.

    Args:
        file: the SVG file to write.
        panels: title -> name of a line -> its points (x, y).
        x, y: what the axes show.
        ticks: names of the positions 0, 1, ... on the x axis, where it is no number.
        log: whether the x axis is logarithmic.
    """
    figure, axes = _panels(len(panels), 3.6)
    for ax, (title, lines) in zip(axes, panels.items()):
        for index, (name, points) in enumerate(lines.items()):
            ax.plot([p[0] for p in points], [p[1] for p in points], label=name, linewidth=1.4, markersize=4.5,
                    **_style(index))
        ax.set(title=title, xlabel=x, ylabel=y)
        if log:
            ax.set_xscale("log")
            places = sorted({x for points in lines.values() for x, _ in points})
            ax.set_xticks(places, [f"{place:,.0f}" for place in places], fontsize=7)
            ax.set_xticks([], minor=True)
        if ticks:
            ax.set_xticks(range(len(ticks)), ticks, rotation=30, ha="right")
        if len(lines) > 1:
            ax.legend(fontsize=7)
    _save(figure, file)


def trade_off(file: pathlib.Path, panels: Mapping[str, Mapping[str, Mapping[str, Point]]], y: str) -> None:
    """Score against cost, with a line through the points that no other one beats in both (the Pareto front).

    Args:
        file: the SVG file to write.
        panels: what the x axis shows -> name of a family -> name of a point -> (cost, score).
        y: what the y axis shows.
    """
    figure, axes = _panels(len(panels), 4.4)
    for ax, (x, families) in zip(axes, panels.items()):
        for index, (name, points) in enumerate(families.items()):
            ax.plot([p[0] for p in points.values()], [p[1] for p in points.values()], label=name, markersize=5,
                    **(_style(index) | {"linestyle": "none"}))
            for label, point in points.items():
                ax.annotate(label, point, textcoords="offset points", xytext=(4, 3), fontsize=6)
        best = front([point for points in families.values() for point in points.values()])
        ax.plot([p[0] for p in best], [p[1] for p in best], color="#888888", linewidth=1, zorder=0,
                label="Pareto front")
        ax.set(xlabel=x, ylabel=y, xscale="log")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("{x:g}")
        ax.tick_params(axis="x", which="both", labelsize=7)
        ax.legend(fontsize=7)
    _save(figure, file)


def bars(file: pathlib.Path, names: Sequence[str], series: Mapping[str, Sequence[float]], y: str) -> None:
    """Bars of several series side by side, one group for each name."""
    figure, (ax,) = _panels(1, 3.6, width=max(6.0, 1.6 + 0.14 * len(names) * len(series)))
    width = 0.8 / len(series)
    for index, (label, values) in enumerate(series.items()):
        ax.bar([position + (index - (len(series) - 1) / 2) * width for position in range(len(names))], values, width,
               label=label, color=COLOURS[index % len(COLOURS)])
    slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if max(map(len, names)) > _UPRIGHT else {}
    ax.set_xticks(range(len(names)), names, fontsize=8, **slanted)
    ax.set(ylabel=y)
    figure.legend(fontsize=7, loc="outside upper right", ncols=len(series))
    _save(figure, file)


def front(points: Sequence[Point]) -> list[Point]:
    """The points (cost, score) that no other one beats, the cheapest first."""
    different = sorted(set(points))
    return list(itertools.compress(different, on_front([(cost, -score) for cost, score in different])))


def _style(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}


def _panels(count: int, height: float, width: float = 0.0) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width or 5.0 * count, height), layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.grid(True, linewidth=0.4, color="#dddddd")
        ax.set_axisbelow(True)
    return figure, list(axes)


def _save(figure: Any, file: pathlib.Path) -> None:
    import matplotlib

    # Names of parts are random without a salt; text as text is smaller and can be searched.
    with matplotlib.rc_context({"svg.hashsalt": "xtremedistil-tf", "svg.fonttype": "none"}), atomic_file(file) as part:
        figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None})
