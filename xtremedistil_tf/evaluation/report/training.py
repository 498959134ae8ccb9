"""The report's sections on training: text, curves, time, and what it takes to run it again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.evaluation.report.charts import Reference, Series, line_chart, step_chart
from xtremedistil_tf.evaluation.report.rendering import Section, Table, bar
from xtremedistil_tf.evaluation.report.values import (
    count,
    dig,
    duration,
    finite,
    main_score,
    name_of,
    percent,
    plain,
    printable,
    records,
    score_title,
)
from xtremedistil_tf.transfer.text import FACTOR, Comparison

#: Epochs of a phase beyond which not all are drawn: a page of many long phases would be too large to send.
_MOST_EPOCHS = 80
_TOTAL = "this run"
_BASELINE = "labels alone: "


def scores_after_phases(metrics: Mapping[str, Any]) -> Section | None:
    """The main dev score after each phase; None without phases."""
    phases = records(metrics.get("phases"))
    if not phases:
        return None
    main, title = main_score(metrics), f"dev {score_title(metrics)}"
    values = [_hundred(dig(phase, "scores", main)) for phase in phases]
    found = [("teacher", "teacher", _hundred(_best_of(metrics.get("teacher_history"), f"val_{main}")[1])),
             ("labels alone", "baseline", _last_score(metrics.get("baseline_phases"), main))]
    references = [Reference(name, css, value) for name, css, value in found if value is not None]
    chart = step_chart(f"{title} after each phase", [name_of(phase) for phase in phases], values, references)
    return Section("phases", f"{title[0].upper()}{title[1:]} after each phase", {
        "chart": chart, "references": [(one.css, f"{one.name} {one.value:.1f}") for one in references],
        "untrained": any(phase.get("stage") == "representation" for phase in phases)}, "phases")


def learning_curves(metrics: Mapping[str, Any]) -> Section | None:
    """A chart for each phase of student and baseline and two for the teacher; None without any."""
    groups = [("Teacher", _teacher_charts(metrics, records(metrics.get("teacher_history")))),
              ("Student", [_phase_chart(metrics, phase) for phase in records(metrics.get("phases"))]),
              ("Labels alone", [_phase_chart(metrics, phase) for phase in records(metrics.get("baseline_phases"))])]
    groups = [(title, charts) for title, charts in groups if charts]
    return Section("curves", "Learning curves", {"groups": groups}, "curves") if groups else None


def _teacher_charts(metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not history:
        return []
    key, title = f"val_{main_score(metrics)}", f"dev {score_title(metrics)}"
    best, highest = _best_of(history, key)
    highest = _hundred(highest)
    drawn, thinned = _drawn(history, best)
    epochs = _epochs(drawn)
    losses = line_chart("teacher, loss by epoch", epochs, _losses(drawn), best)
    scores = line_chart(f"teacher, {title} by epoch", epochs,
                        [Series(title, "valid", [_hundred(dig(r, key)) for r in drawn])], best)
    facts = [f"best epoch {count(best)} of {len(history)}", _seconds_of(history), thinned]
    return [_figure("Teacher, loss", losses, facts, drawn),
            _figure(f"Teacher, {title}", scores, [f"best {title} {plain(highest, '.2f')}"])]


def _phase_chart(metrics: Mapping[str, Any], phase: Mapping[str, Any]) -> dict[str, Any]:
    history, name = records(phase.get("history")), name_of(phase)
    best = finite(phase.get("best_epoch"))
    drawn, thinned = _drawn(history, best)
    chart = line_chart(f"{name}, loss by epoch", _epochs(drawn), _losses(drawn), best)
    unfrozen = phase.get("unfrozen")
    groups = ", ".join(map(str, unfrozen)) if isinstance(unfrozen, (list, tuple)) else unfrozen
    facts = [f"stage {printable(phase.get('stage'))}", f"unfrozen: {printable(groups)}",
             "no epoch was better than its start" if best == 0 else f"best epoch {count(best)} of {len(history)}",
             f"dev {score_title(metrics)} {percent(dig(phase, 'scores', main_score(metrics)))}",
             duration(phase.get("seconds")), "loaded from an earlier run" if phase.get("reused") is True else "",
             thinned]
    return _figure(name, chart, facts, drawn)


def _figure(name: str, chart: str, facts: Sequence[str], drawn: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A chart, and all that was recorded by epoch for those who want to know the parts of a joint loss."""
    columns = [c for c in dict.fromkeys(key for record in drawn for key in record) if c != "epoch"]
    rows = [(plain(epoch, "g"), [plain(record.get(c)) for c in columns])
            for epoch, record in zip(_epochs(drawn), drawn)]
    return {"name": name, "chart": chart, "facts": " · ".join(filter(None, facts)),
            "columns": [str(column).replace("_", " ") for column in columns], "rows": rows}


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


def transfer_text(metrics: Mapping[str, Any]) -> Section | None:
    """Transfer text beside dev text, warnings, what was left out, and what a trimmed vocabulary lacks."""
    table, warnings = _compared(metrics)
    notes = [*_left_out(metrics), *_trimmed(metrics)]
    return Section("text", "Text", {"table": table, "warnings": warnings, "factor": f"{FACTOR:g}", "notes": notes},
                   "text") if table or notes else None


def _compared(metrics: Mapping[str, Any]) -> tuple[Table | None, list[str]]:
    if not isinstance(metrics.get("transfer_text"), Mapping):
        return None, []
    try:
        comparison = Comparison.from_json(metrics["transfer_text"])
        rows, warnings = comparison.rows(), comparison.warnings()
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, []  # of another version
    return (Table("Transfer text beside dev text", ["", "transfer text", "dev text"], rows),
            [line[0].upper() + line[1:] for line in warnings])


def _left_out(metrics: Mapping[str, Any]) -> list[str]:
    counts = [dig(metrics, "left_out", name) for name in ("training", "transfer")]
    if not any(finite(value) for value in counts):
        return []
    return ["Left out, since their text stands in the measured dev and test examples: "
            f"{count(counts[0])} training and {count(counts[1])} transfer examples."]


def _trimmed(metrics: Mapping[str, Any]) -> list[str]:
    lacking, alone = (dig(metrics, "trimmed", name) for name in ("dev_lacking", "dev_lacking_without_further"))
    if finite(lacking) is None:
        return []
    further = count(dig(metrics, "trimmed", "further"))
    return [f"The trimmed vocabulary keeps {further} subwords that the text does not use. "
            f"It lacks {percent(lacking)} % of the subwords of dev text, {percent(alone)} % without them; "
            "words with such subwords are split differently."]


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
        rows.append([name, [bar(share, _css(name), min(began, 1.0))], duration(listed[name]),
                     duration(dig(metrics, "cpu_seconds", name))])
        began += share
    heads = ["step", "one after another", "took", "CPU time"]
    if not metrics.get("cpu_seconds"):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    total = f"This run took {duration(taken[_TOTAL])} in all. " if _TOTAL in taken else ""
    return Section("time", "Time", {
        "table": Table("Steps in the order in which they run", heads, rows),
        "note": f"{total}A step that an earlier run had finished is listed with the time it took then."})


def _rank(name: str) -> int:
    """Records list the store and what is measured after the phases, in no order of time."""
    if name.startswith("teacher"):
        return 0
    if name.startswith(_BASELINE):
        return 3
    return {"transfer store": 1, "evaluation": 4}.get(name, 2)


def _css(name: str) -> str:
    return {0: "teacher", 1: "teacher", 3: "baseline"}.get(_rank(name), "student")


def settings(metrics: Mapping[str, Any]) -> Section | None:
    """The exact command, and the configuration and the versions folded away."""
    words = str(metrics["command"]).split(" ") if metrics.get("command") else []
    tables = [(key, title, Table(f"{title} of the run", [], [[name, printable(value)] for name, value in
                                                             metrics[key].items()], words=True))
              for key, title in (("config", "Configuration"), ("versions", "Versions"))
              if isinstance(metrics.get(key), Mapping) and metrics[key]]
    return Section("command", "Command", {"words": words, "tables": tables}, "command") if words or tables else None
