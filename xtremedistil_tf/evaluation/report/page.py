"""The report of a run as one HTML page that needs no fonts, no network and, to be read, no scripts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.atomic import write_text
from xtremedistil_tf.evaluation.report.costs import exported_forms, figures, size_and_speed
from xtremedistil_tf.evaluation.report.quality import comparison, confusions, disagreements, languages, types
from xtremedistil_tf.evaluation.report.rendering import Section, render, source
from xtremedistil_tf.evaluation.report.training import (
    learning_curves,
    scores_after_phases,
    settings,
    steps,
    transfer_text,
)
from xtremedistil_tf.evaluation.report.values import count, dig, items, models_of
from xtremedistil_tf.fingerprint import policy_hash
from xtremedistil_tf.markdown import without_folders


def write_report(path: str | os.PathLike[str], metrics: Mapping[str, Any]) -> None:
    """Writes the report of a run, whole or not at all.

    The page is well-formed XML too. What `metrics` lacks is left out, or shown as "–" where it is a number.

    Args:
        path: HTML file to write.
        metrics: what `metrics.json` of the run holds.
    """
    script = source("script.js")
    teacher = _named(dig(metrics, "config", "pt_teacher_checkpoint")) if "teacher" in metrics else None
    page = render("page.html.jinja", task=_named(metrics.get("task")), strategy=metrics.get("strategy"),
                  teacher=teacher, examples=f"{count(metrics.get('sentences'))} {items(metrics)}",
                  split=metrics.get("split"), figures=figures(metrics), sections=_sections(metrics),
                  style=source("style.css"), script=script, script_hash=policy_hash(script))
    write_text(path, page)


def _named(sources: Any) -> Any:
    """Task or teacher without folders, which say nothing where the page goes."""
    return without_folders(sources) if isinstance(sources, str) else sources


def _sections(metrics: Mapping[str, Any]) -> list[Section]:
    models = models_of(metrics)
    sections = [comparison(metrics, models), size_and_speed(metrics, models), languages(metrics, models),
                types(metrics, models), confusions(metrics, models), disagreements(metrics),
                transfer_text(metrics), scores_after_phases(metrics), learning_curves(metrics), exported_forms(metrics),
                steps(metrics), settings(metrics)]
    return [section for section in sections if section]
