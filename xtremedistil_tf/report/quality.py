"""The report's sections on quality: scores of all, by language, and by entity type or class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil_tf.report.html_table import bar, html_table
from xtremedistil_tf.report.models import Model, first, names
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import (
    count,
    dig,
    isolated,
    items,
    main_score,
    percent,
    score_title,
    text,
    with_unit,
    words,
)


def comparison(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Scores of the models side by side."""
    if not models:
        return None
    kept = metrics.get("retention")

    def row(name: str, value: Callable[..., str], last: str = "") -> list[str]:
        return [name, *[value(metrics[model.key]) for model in models], last]

    main, title = main_score(metrics), score_title(metrics)
    scored = [key for key in words(metrics).scores
              if key != main and any(key in metrics[model.key] for model in models)]
    rows = [row(score_title(metrics, key), lambda m, key=key: percent(m.get(key)),
                with_unit(percent(dig(kept, key)), " %") if key == main else "") for key in (main, *scored)]
    if any(dig(metrics, model.key, "per_language") for model in models):
        retained = with_unit(percent(dig(kept, f"mean_{main}")), " %")
        rows.append(row("mean over languages", lambda m: _mean(m, main), retained))
    extra = metrics.get("extra")
    for name, found in (extra.items() if isinstance(extra, Mapping) else ()):
        rows.append([f"{title}, {isolated(name)}", *[percent(dig(found, model.key)) for model in models], ""])
    heads = ["score", *[model.label for model in models], "vs teacher"]
    return Section("quality", "Teacher and student", html_table(
        f"Scores in per cent on the {text(metrics.get('split'))} set", [heads], rows) + _notes(metrics))


def _mean(scores: Mapping[str, Any], main: str) -> str:
    return f"{percent(scores.get(f'mean_{main}'))} <small>± {percent(scores.get(f'std_{main}'))}</small>"


def _notes(metrics: Mapping[str, Any]) -> str:
    kind = words(metrics)
    notes = [kind.note.format(support=count(dig(metrics, "student", "support"))),
             kind.decoding_notes.get(str(metrics.get("decoding")), "")]
    if "direct_baseline" in metrics:
        notes.append("“Labels alone” is the same student trained on the labelled data, without the teacher.")
    return f'<p class="quiet">{" ".join(filter(None, notes))}</p>' if any(notes) else ""


def languages(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """A bar per language and model."""
    main, rows = main_score(metrics), []
    for name in names(metrics, models, "per_language"):
        scores = [dig(metrics, model.key, "per_language", name, main) for model in models]
        retained = percent(dig(metrics, "retention", "per_language", name), 1)
        support = first(metrics, models, "per_language", name, "sentences")
        rows.append([isolated(name), _bars(scores, models), *[percent(score, 1) for score in scores],
                     with_unit(retained, " %"), count(support)])
    heads = ["language", "0 to 100", *[model.label for model in models], "retention", items(metrics)]
    caption = f"{score_title(metrics, capital=True)} by language, in per cent"
    return Section("languages", "Languages", html_table(caption, [heads], rows, bars=True, sortable=True)
                   ) if rows else None


def types(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """F1, precision and recall of each entity type or class."""
    kind = words(metrics)
    columns = [("f1", "F1"), ("precision", "P"), ("recall", "R")]
    rows = []
    for name in names(metrics, models, "per_type"):
        f1 = [dig(metrics, model.key, "per_type", name, "f1") for model in models]
        support = first(metrics, models, "per_type", name, "support")
        rows.append([isolated(name), _bars(f1, models), count(support),
                     *[percent(dig(metrics, model.key, "per_type", name, column), 1)
                       for model in models for column, _ in columns]])
    groups = ["", "", "", *[model.label for model in models]]
    heads = [kind.part.split()[-1], "F1, 0 to 100", kind.counted,
             *[head for _ in models for _, head in columns]]
    caption = f"F1, precision (P) and recall (R) by {kind.part}, in per cent"
    return Section("types", kind.parts, html_table(
        caption, [groups, heads], rows, (1, 1, 1) + (len(columns),) * len(models), bars=True, sortable=True)
    ) if rows else None


def _bars(shares: Sequence[Any], models: Sequence[Model]) -> str:
    return "".join(bar(share, model.css) for share, model in zip(shares, models))
