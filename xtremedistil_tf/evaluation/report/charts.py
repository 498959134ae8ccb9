"""Inline SVG: curves over epochs, a score after each phase, points in a plane. All SVG is well-formed XML."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from xtremedistil_tf.evaluation.report.values import plain, text

_WIDTH, _HEIGHT = 320, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 18, 34
#: More values than this above the steps of a chart would run into each other.
_MOST_VALUES = 12


@dataclasses.dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        name: said in the points' tooltips.
        css: class that gives its colour.
        values: one per epoch; None leaves a gap.
    """

    name: str
    css: str
    values: Sequence[float | None]


@dataclasses.dataclass(frozen=True)
class Dot:
    """One point of a plane.

    Attributes:
        x, y: where it is.
        css: class that gives its colour.
        label: stands above it.
        tooltip: said of it.
    """

    x: float
    y: float
    css: str
    label: str
    tooltip: str


@dataclasses.dataclass(frozen=True)
class Reference:
    """A horizontal line to compare with."""

    name: str
    css: str
    value: float


def line_chart(label: str, epochs: Sequence[float], series: Sequence[Series],
               best: float | None = None) -> Markup:
    """Curves over epochs as an `<svg>`.

    Args:
        label: what the chart shows, for screen readers.
        epochs: strictly rising, finite.
        series: curves of `len(epochs)` values; every finite value gets one `<circle class="point ...">`.
        best: epoch to mark, with a ring on the last of the series; not marked if it is none of `epochs`.
    """
    low, high, ticks = _y_axis([v for s in series for v in s.values if v is not None])
    first, last = (epochs[0], epochs[-1]) if len(epochs) > 0 else (0, 0)

    def x(epoch: float) -> float:
        share = (epoch - first) / (last - first) if last > first else 0.5
        return _LEFT + 8 + share * (_WIDTH - _LEFT - _RIGHT - 16)

    def y(value: float) -> float:
        return _y(value, low, high)

    parts = _grid(ticks, y)
    parts += [_text(x(e), _HEIGHT - _BOTTOM + 14, plain(e, "g"), "middle") for e in _few(epochs, 6)]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, "epoch", "middle"))
    if best in epochs:
        parts.append(_line(x(best), _TOP, x(best), _HEIGHT - _BOTTOM, "best"))
        value = series[-1].values[list(epochs).index(best)] if series else None
        if value is not None:
            parts.append(f'<circle class="ring" cx="{x(best):.1f}" cy="{y(value):.1f}" r="5.5"/>')
    for one in series:
        parts += _curve(one, epochs, x, y)
    return _svg(label, parts)


def step_chart(label: str, names: Sequence[str], values: Sequence[float | None],
               references: Sequence[Reference] = ()) -> Markup:
    """A score after each of several phases as an `<svg>`: one step per phase, its value above it.

    Args:
        label: what the chart shows, for screen readers.
        names: of the phases; their part before the first `-` stands under the step.
        values: score after each phase; None leaves a gap.
        references: lines drawn across.
    """
    shown = [v for v in values if v is not None] + [r.value for r in references]
    low, high, ticks = _y_axis([0.0, *shown])
    width = (_WIDTH - _LEFT - _RIGHT) / max(1, len(values))
    parts = _grid(ticks, lambda value: _y(value, low, high))
    for one in references:
        level = _y(one.value, low, high)
        parts.append(_line(_LEFT, level, _WIDTH - _RIGHT, level, f"reference {one.css}",
                           f"{one.name}: {plain(one.value)}"))
    path, points = [], []
    for i, (name, value) in enumerate(zip(names, values)):
        left = _LEFT + i * width
        middle = left + width / 2
        parts.append(_text(middle, _HEIGHT - _BOTTOM + 14, _short(name, i), "middle"))
        if value is None:
            continue
        level = _y(value, low, high)
        joined = i > 0 and values[i - 1] is not None
        path.append(f"{'L' if joined else 'M'}{left:.1f} {level:.1f}H{left + width:.1f}")
        points.append(_point("student", middle, level, 3, f"{name}: {plain(value)}"))
        if len(values) <= _MOST_VALUES:
            points.append(_text(middle, level - 7, f"{value:.1f}", "middle", "value"))
    parts += _path("student", path) + points
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, "phase", "middle"))
    return _svg(label, parts)


def scatter_chart(label: str, x_title: str, y_title: str, dots: Sequence[Dot], joined: Sequence[Dot] = (),
                  limit: float | None = None) -> Markup:
    """Points in a plane as an `<svg>`; every one gets one `<circle class="point ...">`.

    Args:
        label: what the chart shows, for screen readers.
        x_title, y_title: what its axes are.
        dots: at least one, all numbers finite; the later ones are drawn above the earlier.
        joined: dots that a line goes through, in this order.
        limit: x at which a vertical line is drawn.
    """
    low, high, ticks = _y_axis([dot.y for dot in dots])
    left, right, x_ticks = _y_axis([dot.x for dot in dots] + ([] if limit is None else [limit]))

    def x(value: float) -> float:
        return _LEFT + (value - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _y(value, low, high)

    parts = _grid(ticks, y)
    parts += [_text(x(tick), _HEIGHT - _BOTTOM + 14, f"{tick:.6g}", "middle") for tick in x_ticks]
    parts += [_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 4, x_title, "middle"), _text(2, 9, y_title, "start")]
    if limit is not None:
        parts.append(_line(x(limit), _TOP, x(limit), _HEIGHT - _BOTTOM, "limit", f"at most {plain(limit, 'g')}"))
    parts += _path("student", [f"{'L' if i else 'M'}{x(dot.x):.1f} {y(dot.y):.1f}" for i, dot in enumerate(joined)])
    parts += [_point(dot.css, x(dot.x), y(dot.y), 3, dot.tooltip) for dot in dots]
    parts += [_text(x(dot.x), y(dot.y) - 7, dot.label, "middle", "value") for dot in dots if dot.label]
    return _svg(label, parts)


def _svg(label: str, parts: Sequence[str]) -> Markup:
    return Markup(f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{text(label)}">'
                  + "".join(parts) + "</svg>")


def _curve(series: Series, epochs: Sequence[float], x: Callable[[float], float],
           y: Callable[[float], float]) -> list[str]:
    path, points = [], []
    radius = 2.5 if len(epochs) <= 40 else 1
    for i, (epoch, value) in enumerate(zip(epochs, series.values)):
        if value is None:
            continue
        joined = i > 0 and series.values[i - 1] is not None
        path.append(f"{'L' if joined else 'M'}{x(epoch):.1f} {y(value):.1f}")
        points.append(_point(series.css, x(epoch), y(value), radius,
                             f"epoch {plain(epoch, 'g')}: {series.name} {plain(value)}"))
    return _path(series.css, path) + points


def _path(css: str, moves: Sequence[str]) -> list[str]:
    return [f'<path class="curve {css}" d="{"".join(moves)}"/>'] if moves else []


def _point(css: str, x: float, y: float, radius: float, tooltip: str) -> str:
    return (f'<circle class="point {css}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{text(tooltip)}</title></circle>")


def _grid(ticks: Sequence[float], y: Callable[[float], float]) -> list[str]:
    parts = []
    for tick in ticks:
        parts.append(_line(_LEFT, y(tick), _WIDTH - _RIGHT, y(tick), "grid"))
        parts.append(_text(_LEFT - 6, y(tick) + 4, f"{tick:.6g}", "end"))
    return parts


def _y(value: float, low: float, high: float) -> float:
    return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _y_axis(values: Sequence[float], wanted: int = 5) -> tuple[float, float, list[float]]:
    """Lower end, upper end and round ticks of an axis that holds all values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    largest = max(abs(low), abs(high))
    if high - low <= max(1e-9 * largest, 1e-300):  # flat, or too near zero to divide by
        pad = 0.5 * max(largest, 1e-3)
        low, high = low - pad, high + pad
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= 0.999 * raw)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return first * step, last * step, [i * step for i in range(first, last + 1)]


def _few(values: Sequence[float], most: int) -> list[float]:
    stride = max(1, math.ceil(len(values) / most))
    return list(values)[::stride]


def _short(name: str, index: int) -> str:
    number = name.split("-")[0]
    return number if len(number) <= 4 else str(index + 1)


def _line(x1: float, y1: float, x2: float, y2: float, css: str, tooltip: str = "") -> str:
    title = f"<title>{text(tooltip)}</title>" if tooltip else ""
    return f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}">{title}</line>'


def _text(x: float, y: float, value: str, anchor: str, css: str = "label") -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(value)}</text>'
