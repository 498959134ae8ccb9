"""The report's section on what the models cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.report.html_table import bar, html_table
from xtremedistil_tf.report.models import Model, first
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import MISSING, count, dig, finite, items, large, percent, plain, times, with_unit


def size_and_speed(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Parameters, bytes and latencies, each with bars that compare the models."""
    if not models:
        return None
    one, many = f"Latency, 1 {items(metrics)[:-1]}", f"Latency, 32 {items(metrics)}"
    measures = [("Parameters", ("parameters",), large, "compression"),
                ("Parameters without unseen pieces", ("parameters_seen_pieces",), large,
                 "compression_seen_pieces"),
                ("Size in float32", ("bytes",), _megabytes, ""),
                (one, ("latency", "batch_1"), _latency, "speedup_batch_1"),
                (many, ("latency", "batch_32"), _latency, "speedup_batch_32")]
    rows = []
    for name, keys, shown, ratio in measures:
        values = [dig(metrics, model.key, *keys) for model in models]
        numbers = [finite(dig(value, "median_ms") if shown is _latency else value) or 0.0 for value in values]
        largest = max(numbers) or 1.0
        bars = "".join(bar(number / largest, model.css) for number, model in zip(numbers, models))
        saving = times(dig(metrics, "retention", ratio)) if ratio else ""
        rows.append([name, bars, *map(shown, values), saving])
    heads = ["measure", "less is better", *[model.label for model in models], "saving"]
    table = html_table("Size and latency; bars relative to the largest of a row", [heads], rows, bars=True)
    return Section("costs", "Size and speed", f'{table}<p class="quiet">{_notes(metrics, models)}</p>')


def _notes(metrics: Mapping[str, Any], models: Sequence[Model]) -> str:
    notes = ["Unseen pieces are those of the vocabulary beyond the "
             f"{count(metrics.get('seen_pieces'))} that occur in the text of training and distillation; "
             "their embeddings are not trained in a run.",
             f"Latency is the median for {items(metrics)} of "
             f"{count(first(metrics, models, 'latency', 'seq_len'))} pieces on the machine of the run."]
    if finite(metrics.get("embedding_energy")) is not None:
        notes.append("The student’s word embeddings start from the teacher’s, reduced by an SVD that keeps "
                     f"{percent(metrics['embedding_energy'], 1)} % of their energy.")
    return " ".join(notes)


def _megabytes(value: Any) -> str:
    value = finite(value)
    return MISSING if value is None else f"{value / 1e6:,.1f} MB"


def _latency(measured: Any) -> str:
    fastest = plain(dig(measured, "min_ms"), ".1f")
    return f'{with_unit(plain(dig(measured, "median_ms"), ".1f"), " ms")} <small>min {fastest}</small>'
