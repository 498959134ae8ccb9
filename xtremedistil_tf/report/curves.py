"""The report's sections on training: the score after each phase, and the curves inside each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.report.charts import Reference, Series, line_chart, step_chart
from xtremedistil_tf.report.html_table import framed
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import (
    count,
    dig,
    duration,
    finite,
    main_score,
    name_of,
    percent,
    plain,
    records,
    score_title,
    text,
)

_LEGEND = ('<p><span class="key train">training</span><span class="key valid">held out</span>'
           '<span class="key best">best epoch, whose weights are kept</span></p>')

#: Epochs of a phase beyond which not all are drawn: a page of many long phases would be too large to send.
_MOST_EPOCHS = 80


def scores_after_phases(metrics: Mapping[str, Any]) -> Section | None:
    """The main dev score after each phase; None without phases."""
    phases = records(metrics.get("phases"))
    if not phases:
        return None
    main, title = main_score(metrics), f"dev {score_title(metrics)}"
    names = [name_of(phase) for phase in phases]
    values = [_hundred(dig(phase, "scores", main)) for phase in phases]
    found = [("teacher", "teacher", _hundred(_best_of(metrics.get("teacher_history"), f"val_{main}")[1])),
             ("labels alone", "baseline", _last_score(metrics.get("baseline_phases"), main))]
    references = [Reference(name, css, value) for name, css, value in found if value is not None]
    hint = ('<p class="quiet">Representation phases do not train the head, so the score after one is that of an '
            "untrained head.</p>" if any(phase.get("stage") == "representation" for phase in phases) else "")
    chart = step_chart(f"{title} after each phase", names, values, references)
    legend = '<span class="key student">student</span>' + "".join(
        f'<span class="key {one.css}">{one.name} {one.value:.1f}</span>' for one in references)
    return Section("phases", f"{title[0].upper()}{title[1:]} after each phase",
                   f'<figure class="wide" id="steps">{chart}<figcaption>{legend}</figcaption></figure>{hint}')


def learning_curves(metrics: Mapping[str, Any]) -> Section | None:
    """A chart for each phase of student and baseline and two for the teacher; None without any."""
    groups = [("Teacher", _teacher_charts(metrics, records(metrics.get("teacher_history")))),
              ("Student", _phase_charts(metrics, metrics.get("phases"))),
              ("Labels alone", _phase_charts(metrics, metrics.get("baseline_phases")))]
    shown = [f'<h3>{title}</h3><div class="charts">{charts}</div>' for title, charts in groups if charts]
    return Section("curves", "Learning curves", _LEGEND + "".join(shown)) if shown else None


def _teacher_charts(metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> str:
    if not history:
        return ""
    key, title = f"val_{main_score(metrics)}", f"dev {score_title(metrics)}"
    best, highest = _best_of(history, key)
    highest = _hundred(highest)
    drawn, thinned = _drawn(history, best)
    epochs = _epochs(drawn)
    losses = line_chart("teacher, loss by epoch", epochs, _losses(drawn), best)
    scores = line_chart(f"teacher, {title} by epoch", epochs,
                        [Series(title, "valid", [_hundred(dig(r, key)) for r in drawn])], best)
    facts = _join(f"best epoch {count(best)} of {len(history)}", _seconds_of(history), thinned)
    return (_figure("Teacher, loss", losses, facts, _numbers(drawn))
            + _figure(f"Teacher, {title}", scores, f"best {title} {plain(highest, '.2f')}"))


def _phase_charts(metrics: Mapping[str, Any], phases: Any) -> str:
    return "".join(_phase_chart(metrics, phase) for phase in records(phases))


def _phase_chart(metrics: Mapping[str, Any], phase: Mapping[str, Any]) -> str:
    history, name = records(phase.get("history")), name_of(phase)
    best = finite(phase.get("best_epoch"))
    drawn, thinned = _drawn(history, best)
    chart = line_chart(f"{name}, loss by epoch", _epochs(drawn), _losses(drawn), best)
    unfrozen = phase.get("unfrozen")
    groups = ", ".join(map(str, unfrozen)) if isinstance(unfrozen, (list, tuple)) else unfrozen
    facts = _join(f"stage {text(phase.get('stage'))}", f"unfrozen: {text(groups)}",
                  "no epoch was better than its start" if best == 0 else
                  f"best epoch {count(best)} of {len(history)}",
                  f"dev {score_title(metrics)} {percent(dig(phase, 'scores', main_score(metrics)))}",
                  duration(phase.get("seconds")),
                  "loaded from an earlier run" if phase.get("reused") is True else "", thinned)
    return _figure(name, chart, facts, _numbers(drawn))


def _figure(name: str, chart: str, facts: str, more: str = "") -> str:
    return (f'<figure data-chart="{text(name)}">{chart}<figcaption><strong>{text(name)}</strong>{facts}'
            f"</figcaption>{more}</figure>")


def _numbers(history: Sequence[Mapping[str, Any]]) -> str:
    """All that was recorded by epoch, for those who want to know the parts of a joint loss."""
    columns = [c for c in dict.fromkeys(key for record in history for key in record) if c != "epoch"]
    if not columns:
        return ""
    head = "".join(f'<th scope="col">{text(column).replace("_", " ")}</th>' for column in columns)
    rows = "".join(f'<tr><th scope="row">{plain(epoch, "g")}</th>'
                   + "".join(f"<td>{plain(record.get(c))}</td>" for c in columns) + "</tr>"
                   for epoch, record in zip(_epochs(history), history))
    table = framed('<table><caption class="unseen">Numbers by epoch</caption>'
                   f'<thead><tr><th scope="col">epoch</th>{head}</tr></thead><tbody>{rows}</tbody></table>',
                   "Numbers by epoch")
    return f"<details><summary>Numbers</summary>{table}</details>"


def _losses(history: Sequence[Mapping[str, Any]]) -> list[Series]:
    series = [Series("training loss", "train", [finite(record.get("loss")) for record in history]),
              Series("held-out loss", "valid", [finite(record.get("val_loss")) for record in history])]
    return [one for one in series if any(value is not None for value in one.values)]


def _drawn(history: Sequence[Mapping[str, Any]], best: float | None) -> tuple[list[dict[str, Any]], str]:
    """The epochs to draw, of long histories evenly spaced ones with the best and the last, and a note on it."""
    stride, last = max(1, math.ceil(len(history) / _MOST_EPOCHS)), len(history) - 1
    drawn = [{**record, "epoch": epoch} for i, (epoch, record) in enumerate(zip(_epochs(history), history))
             if i % stride == 0 or i == last or epoch == best]
    return drawn, f"one epoch in {stride} is drawn" if stride > 1 else ""


def _epochs(history: Sequence[Mapping[str, Any]]) -> list[float]:
    """The recorded epochs, or 1, 2, ... where they are not a rising sequence of numbers."""
    found = [finite(record.get("epoch")) for record in history]
    rising = None not in found and all(a < b for a, b in itertools.pairwise(found))
    return found if rising else [float(i + 1) for i in range(len(history))]


def _best_of(history: Any, key: str) -> tuple[float | None, float | None]:
    """First epoch with the highest value, and that value."""
    history = records(history)
    scored = [(epoch, value) for epoch, record in zip(_epochs(history), history)
              if (value := finite(record.get(key))) is not None]
    return max(scored, key=lambda pair: pair[1], default=(None, None))


def _last_score(phases: Any, main: str) -> float | None:
    phases = records(phases)
    return _hundred(dig(phases[-1], "scores", main)) if phases else None


def _seconds_of(history: Sequence[Mapping[str, Any]]) -> str:
    """`seconds` counts from the start of the phase, so the last is the whole."""
    return duration(history[-1].get("seconds"))


def _hundred(share: Any) -> float | None:
    share = finite(share)
    return None if share is None else 100 * share


def _join(*facts: str) -> str:
    return " · ".join(fact for fact in facts if fact)
