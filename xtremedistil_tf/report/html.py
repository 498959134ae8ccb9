"""The report of a run as one HTML page that needs no fonts, no network and, to be read, no scripts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.report.confusion import confusions
from xtremedistil_tf.report.curves import learning_curves, scores_after_phases
from xtremedistil_tf.report.disagreements import disagreements
from xtremedistil_tf.report.exported_forms import exported_forms
from xtremedistil_tf.report.models import models_of
from xtremedistil_tf.report.quality import comparison, languages, types
from xtremedistil_tf.report.script import SCRIPT, script_hash
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.settings import settings
from xtremedistil_tf.report.size_and_speed import size_and_speed
from xtremedistil_tf.report.steps import steps
from xtremedistil_tf.report.style import STYLE
from xtremedistil_tf.report.summary import figures, head
from xtremedistil_tf.report.transfer_text import transfer_text
from xtremedistil_tf.report.values import base_name, text


def write_report(path: str | os.PathLike[str], metrics: Mapping[str, Any]) -> None:
    """Writes the report of a run, whole or not at all.

    The page is well-formed XML too. What `metrics` lacks is left out, or shown as "–" where it is a number.

    Args:
        path: HTML file to write.
        metrics: what `metrics.json` of the run holds.
    """
    with atomic_file(path) as part:
        part.write_text(_page(metrics), encoding="utf-8")


def _page(metrics: Mapping[str, Any]) -> str:
    models = models_of(metrics)
    sections = [comparison(metrics, models), size_and_speed(metrics, models), languages(metrics, models),
                types(metrics, models), confusions(metrics, models), disagreements(metrics),
                transfer_text(metrics), scores_after_phases(metrics), learning_curves(metrics), exported_forms(metrics),
                steps(metrics), settings(metrics)]
    sections = [section for section in sections if section]
    # The policy makes a browser refuse what a hostile value might still smuggle in.
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
            '<meta name="color-scheme" content="light dark"/>'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            f'style-src \'unsafe-inline\'; script-src {script_hash()}"/>'
            f"<title>XtremeDistil-TF: {text(base_name(metrics.get('task')))}</title>"
            f"<style>{STYLE}</style></head>\n<body>\n{head(metrics)}\n{_contents(sections)}\n"
            f"<main>\n{figures(metrics)}\n"
            + "\n".join(section.html() for section in sections)
            + f"\n</main>\n<script>{SCRIPT}</script></body></html>\n")


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(f'<li><a href="#{section.anchor}">{section.title}</a></li>' for section in sections)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>' if sections else ""
