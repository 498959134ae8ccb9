"""The top of the report: what was distilled, and the figures that matter most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.values import (
    base_name,
    count,
    dig,
    items,
    large,
    main_score,
    percent,
    score_title,
    text,
    times,
    with_unit,
    words,
)


def head(metrics: Mapping[str, Any]) -> str:
    """The page's header; the folders of an absolute path to the task say nothing where the page goes."""
    checkpoint = dig(metrics, "config", "pt_teacher_checkpoint") if "teacher" in metrics else None
    facts = [f"strategy {text(metrics.get('strategy'))}",
             f"teacher <bdi>{text(base_name(checkpoint))}</bdi>" if checkpoint else "",
             f"measured on {count(metrics.get('sentences'))} {items(metrics)} of the "
             f"{text(metrics.get('split'))} set"]
    title = text(base_name(metrics.get("task")))
    return (f'<header><p class="quiet">Distillation report</p><h1 dir="auto">{title}</h1>'
            f'<p class="quiet">{" · ".join(filter(None, facts))}</p></header>')


def figures(metrics: Mapping[str, Any]) -> str:
    """Score, retention, compression, speed-up and agreement, in large print."""
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
             f"fewer parameters; {times(dig(kept, 'compression_seen_pieces'))} without unseen pieces"),
            ("Speed-up", times(dig(kept, "speedup_batch_32")),
             f"at 32 {items(metrics)} a batch; {times(dig(kept, 'speedup_batch_1'))} at 1")]
    if student and "teacher" not in metrics:  # nothing to compare with
        rows = [(f"Student, {title}", percent(dig(student, main)), ""),
                ("Parameters", large(dig(student, "parameters")), "")]
    agreement = dig(metrics, "disagreements", "agreement")
    if agreement is not None:
        what = words(metrics).agreed
        rows.append(("Agreement", with_unit(percent(agreement, 1), " %"), f"of {what} as the teacher does"))
    return '<dl class="figures">' + "".join(
        f'<div><dt>{name}</dt><dd class="value">{value}</dd><dd class="note">{note}</dd></div>'
        for name, value, note in rows) + "</dl>"
