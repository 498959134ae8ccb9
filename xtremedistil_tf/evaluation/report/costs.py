"""The report's sections on what the models and the exported forms cost, and the figures in large print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.evaluation.report.rendering import Noted, Section, Table, bar
from xtremedistil_tf.evaluation.report.values import (
    MISSING,
    Model,
    count,
    dig,
    finite,
    first,
    items,
    large,
    main_score,
    percent,
    plain,
    score_title,
    times,
    with_unit,
    words,
)

_NEEDED = {"main_score", "kind", "examples", "threads", "seq_len", "forms"}


def figures(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value and note of score, retention, compression, speed-up and agreement."""
    kept, student = metrics.get("retention"), metrics.get("student")
    main, title = main_score(metrics), score_title(metrics)
    quality = f"teacher {percent(dig(metrics, 'teacher', main))}"
    retained = f"of the teacher’s {title}"
    if dig(student, "per_language"):
        quality += f"; mean over languages {percent(dig(student, f'mean_{main}'))}"
        retained += f"; {with_unit(percent(dig(kept, f'mean_{main}'), 1), ' %')} of its mean over languages"
    rows = [(f"Student, {title}", percent(dig(student, main)), quality),
            ("Retention", with_unit(percent(dig(kept, main), 1), " %"), retained),
            ("Compression", times(dig(kept, "compression")),
             f"fewer parameters; {times(dig(kept, 'compression_seen_pieces'))} without unseen subwords"),
            ("Speed-up", times(dig(kept, "speedup_batch_32")),
             f"at 32 {items(metrics)} a batch; {times(dig(kept, 'speedup_batch_1'))} at 1")]
    if student and "teacher" not in metrics:  # nothing to compare with
        rows = [(f"Student, {title}", percent(dig(student, main)), ""),
                ("Parameters", large(dig(student, "parameters")), "")]
    agreement = dig(metrics, "disagreements", "agreement")
    if agreement is not None:
        what = words(metrics).agreed
        rows.append(("Agreement", with_unit(percent(agreement, 1), " %"), f"of {what} as the teacher does"))
    return rows


def size_and_speed(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Parameters, bytes and latencies, each with bars that compare the models."""
    if not models:
        return None
    one, many = f"Latency, 1 {items(metrics)[:-1]}", f"Latency, 32 {items(metrics)}"
    measures = [("Parameters", ("parameters",), large, "compression"),
                ("Parameters without unseen subwords", ("parameters_seen_pieces",), large,
                 "compression_seen_pieces"),
                ("Size in float32", ("bytes",), _megabytes, ""),
                (one, ("latency", "batch_1"), _latency, "speedup_batch_1"),
                (many, ("latency", "batch_32"), _latency, "speedup_batch_32")]
    rows = []
    for name, keys, shown, ratio in measures:
        values = [dig(metrics, model.key, *keys) for model in models]
        numbers = [finite(dig(value, "median_ms") if shown is _latency else value) or 0.0 for value in values]
        largest = max(numbers) or 1.0
        bars = [bar(number / largest, model.css) for number, model in zip(numbers, models)]
        saving = times(dig(metrics, "retention", ratio)) if ratio else ""
        rows.append([name, bars, *map(shown, values), saving])
    table = Table("Size and latency; bars relative to the largest of a row",
                  ["measure", "less is better", *models, "saving"], rows)
    return Section("costs", "Size and speed", {"table": table, "note": _notes(metrics, models)})


def _notes(metrics: Mapping[str, Any], models: Sequence[Model]) -> str:
    notes = ["Unseen subwords are those of the vocabulary beyond the "
             f"{count(metrics.get('seen_pieces'))} that occur in the text of training and distillation; "
             "their embeddings are not trained in a run.",
             f"Latency is the median for {items(metrics)} of "
             f"{count(first(metrics, models, 'latency', 'seq_len'))} subwords on the machine of the run."]
    if finite(metrics.get("embedding_energy")) is not None:
        notes.append("The student’s word embeddings start from the teacher’s, reduced by an SVD that keeps "
                     f"{percent(metrics['embedding_energy'], 1)} % of their energy.")
    return " ".join(notes)


def _megabytes(value: Any) -> str:
    value = finite(value)
    return MISSING if value is None else f"{value / 1e6:,.1f} MB"


def _latency(measured: Any) -> Noted:
    return Noted(with_unit(plain(dig(measured, "median_ms"), ".1f"), " ms"),
                 f"min {plain(dig(measured, 'min_ms'), '.1f')}")


def exported_forms(metrics: Mapping[str, Any]) -> Section | None:
    """Size, agreement with the student, score and speed of each form."""
    exports = metrics.get("exports")
    if not isinstance(dig(exports, "forms"), Mapping) or not set(exports) >= _NEEDED:
        return None
    header, *found = exports_rows(exports)
    if not found:
        return None
    sizes = {name: finite(dig(facts, "bytes")) or 0.0 for name, facts in exports["forms"].items()}
    largest = max(sizes.values()) or 1.0
    rows = [[name, [bar(sizes[name] / largest, "student")], *cells] for name, *cells in found]
    heads = [header[0], "size", *header[1:-1], "passed"]
    if not any(row[-1] for row in rows):
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    table = Table(f"Measured on {measured_on(exports)}", heads, rows, sortable=True)
    return Section("exports", "Exported forms", {"table": table, "note": ""})


def exports_rows(exports: Mapping[str, Any]) -> list[list[str]]:
    """Header and one row for each form that was checked, as text."""
    main = exports["main_score"]
    header = ["form", "MB", "agreement %", score_title(exports), "difference", "cold start s",
              "batch 1 ms", "batch 32 ms", "examples/s", "memory MB", ""]
    return [header] + [_form(name, facts, main) for name, facts in exports["forms"].items() if main in facts]


def measured_on(exports: Mapping[str, Any]) -> str:
    """What the figures of the forms are about, in one line."""
    return (f"{exports['examples']} dev examples; latency at {exports['seq_len']} subwords, {exports['threads']} "
            f"thread{'s' if exports['threads'] > 1 else ''}, examples/s without tokenization")


def _form(name: str, facts: Mapping[str, Any], main: str) -> list[str]:
    latency = facts.get("latency", {})
    return [name, _shown(facts.get("bytes"), 1e-6, ".1f"), _shown(facts.get("agreement"), 100, ".2f"),
            _shown(facts[main], 100, ".2f"), _shown(facts.get("difference"), 100, "+.2f"),
            _shown(facts.get("cold_start_s"), 1, ".2f"),
            *[_shown(latency.get(size, {}).get("median_ms"), 1, ".2f") for size in ("batch_1", "batch_32")],
            _shown(facts.get("examples_per_second"), 1, ",.0f"), _shown(facts.get("peak_memory_mb"), 1, ".0f"),
            "" if facts.get("passed", True) else "FAILED"]


def _shown(value: float | None, factor: float, form: str) -> str:
    return "-" if value is None else format(factor * value, form)
