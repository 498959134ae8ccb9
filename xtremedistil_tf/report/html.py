"""The report of a run as one HTML page that needs nothing else: no scripts, no fonts, no network."""

from __future__ import annotations

import os
from typing import Any, Mapping

from xtremedistil_tf.atomic import atomic_file
from xtremedistil_tf.report.curves import learning_curves, scores_after_phases
from xtremedistil_tf.report.style import STYLE
from xtremedistil_tf.report.values import (MISSING, count, dig, duration, finite, large, main_score, name_of,
                                           percent, plain, records, score_title, text, times, with_unit)

_MODELS = (("teacher", "teacher", "teacher"), ("student", "student", "student"),
           ("direct_baseline", "labels alone", "baseline"), ("untrimmed", "all pieces", "student"))
_TOTAL = "this run"
# Beside the main score, in this order.
_SCORES = ("f1", "precision", "recall", "exact_match", "accuracy", "macro_f1", "matthews", "pearson", "spearman")


def write_report(path: str | os.PathLike, metrics: Mapping[str, Any]) -> None:
    """Writes the report of a run, whole or not at all.

    The page is well-formed XML too. What `metrics` lacks is left out, or shown as "–" where it is a number.

    Args:
        path: HTML file to write.
        metrics: what `metrics.json` of the run holds.
    """
    with atomic_file(path) as part:
        part.write_text(_page(metrics), encoding="utf-8")


def _page(metrics: Mapping[str, Any]) -> str:
    models = [(key, title, css) for key, title, css in _MODELS if isinstance(metrics.get(key), Mapping)]
    sections = [_head(metrics), _figures(metrics), _comparison(metrics, models), _languages(metrics, models),
                _types(metrics, models), scores_after_phases(metrics), learning_curves(metrics),
                _times(metrics), _settings(metrics)]
    # The policy makes a browser refuse what a hostile value might still smuggle in.
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
            '<meta name="color-scheme" content="light dark"/>'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            'style-src \'unsafe-inline\'"/>'
            f"<title>XtremeDistil-TF: {text(metrics.get('task'))}</title>"
            f"<style>{STYLE}</style></head>\n<body>\n"
            + "\n".join(section for section in sections if section) + "\n</body></html>\n")


def _head(metrics: Mapping[str, Any]) -> str:
    facts = [f"strategy {text(metrics.get('strategy'))}",
             f"measured on {count(metrics.get('sentences'))} sentences of the "
             f"{text(metrics.get('split'))} set"]
    return (f'<header><p class="quiet">Distillation report</p><h1>{text(metrics.get("task"))}</h1>'
            f'<p class="quiet">{" · ".join(facts)}</p></header>')


def _figures(metrics: Mapping[str, Any]) -> str:
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
             f"at 32 sentences a batch; {times(dig(kept, 'speedup_batch_1'))} at 1")]
    return '<dl class="figures">' + "".join(
        f'<div><dt>{name}</dt><dd class="value">{value}</dd><dd class="note">{note}</dd></div>'
        for name, value, note in rows) + "</dl>"


def _comparison(metrics: Mapping[str, Any], models) -> str:
    if not models:
        return ""
    kept = metrics.get("retention")

    def row(name: str, value, last: str = "") -> list[str]:
        return [name, *[value(metrics[key]) for key, _, _ in models], last]

    main, title = main_score(metrics), score_title(metrics)
    scored = [key for key in _SCORES if any(key in metrics[model] for model, _, _ in models) and key != main]
    rows = [row(score_title(metrics, key), lambda m, key=key: percent(m.get(key)),
                with_unit(percent(dig(kept, key)), " %") if key == main else "") for key in (main, *scored)]
    if any(dig(metrics, key, "per_language") for key, _, _ in models):
        rows.append(row("mean over languages",
                        lambda m: f"{percent(m.get(f'mean_{main}'))} <small>± {percent(m.get(f'std_{main}'))}</small>",
                        with_unit(percent(dig(kept, f"mean_{main}")), " %")))
    extra = metrics.get("extra")
    for name, found in (extra.items() if isinstance(extra, Mapping) else ()):
        rows.append([text(f"{title}, {name}"), *[percent(dig(found, key)) for key, _, _ in models], ""])
    rows += [row("Parameters", lambda m: large(m.get("parameters")), times(dig(kept, "compression"))),
             row("Parameters without unseen pieces", lambda m: large(m.get("parameters_seen_pieces")),
                 times(dig(kept, "compression_seen_pieces"))),
             row("Size in float32", lambda m: _megabytes(m.get("bytes")))]
    for key, name in (("batch_1", "Latency, 1 sentence"), ("batch_32", "Latency, 32 sentences")):
        rows.append(row(name, lambda m: _latency(dig(m, "latency", key)), times(dig(kept, f"speedup_{key}"))))
    heads = ["", *_titles(models), "vs teacher"]
    return ("<section><h2>Teacher and student</h2>" + _table([heads], rows)
            + f'<p class="quiet">{_notes(metrics)}</p></section>')


def _notes(metrics: Mapping[str, Any]) -> str:
    notes = ["Scores in per cent."]
    if metrics.get("kind", "tagging") == "tagging":
        notes = [f"Entity scores in per cent over {count(dig(metrics, 'student', 'support'))} entities; "
                 "an entity counts only if its type and all its words are right."]
    if "direct_baseline" in metrics:
        notes.append("“Labels alone” is the same student trained on the labelled data, without the teacher.")
    notes.append("Unseen pieces are those of the vocabulary beyond the "
                 f"{count(metrics.get('seen_pieces'))} that occur in the text of training and distillation; "
                 "their embeddings are not trained in a run.")
    notes.append("Latency is the median for sentences of "
                 f"{count(dig(metrics, 'teacher', 'latency', 'seq_len'))} pieces on the machine of the run.")
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


def _languages(metrics: Mapping[str, Any], models) -> str:
    names = _keys(metrics, models, "per_language")
    if not names:
        return ""
    rows = []
    for name in names:
        scores = [dig(metrics, key, "per_language", name, main_score(metrics)) for key, _, _ in models]
        bars = "".join(_bar(score, css) for score, (_, _, css) in zip(scores, models))
        retained = percent(dig(metrics, "retention", "per_language", name), 1)
        sentences = _first(metrics, models, "per_language", name, "sentences")
        rows.append([text(name), bars, *[percent(score, 1) for score in scores], with_unit(retained, " %"),
                     count(sentences)])
    heads = ["", '<span class="quiet">' + score_title(metrics) + ', 0 to 100</span>',
             *_titles(models), "retention", "sentences"]
    return f"<section><h2>Languages</h2>{_table([heads], rows, bars=True)}</section>"


def _types(metrics: Mapping[str, Any], models) -> str:
    names = _keys(metrics, models, "per_type")
    if not names:
        return ""
    columns = [("f1", "F1"), ("precision", "P"), ("recall", "R")]
    tagging = metrics.get("kind", "tagging") == "tagging"
    groups = ["", "", *_titles(models)]
    heads = ["", "entities" if tagging else "examples", *[head for _ in models for _, head in columns]]
    rows = []
    for name in names:
        support = _first(metrics, models, "per_type", name, "support")
        rows.append([text(name), count(support), *[percent(dig(metrics, key, "per_type", name, column), 1)
                                                   for key, _, _ in models for column, _ in columns]])
    spans = (1, 1) + (len(columns),) * len(models)
    title = "Entity types" if tagging else "Classes"
    return f"<section><h2>{title}</h2>{_table([groups, heads], rows, spans)}</section>"


def _times(metrics: Mapping[str, Any]) -> str:
    taken = metrics.get("seconds") if isinstance(metrics.get("seconds"), Mapping) else {}
    rows = [(str(name), value, "teacher" if str(name).startswith("teacher") else "student")
            for name, value in taken.items() if name != _TOTAL]
    rows += [(f"labels alone: {name_of(phase)}", phase.get("seconds"), "baseline")
             for phase in records(metrics.get("baseline_phases"))]
    if not rows:
        return ""
    longest = max((finite(value) or 0.0 for _, value, _ in rows), default=0.0) or 1.0
    cells = [[text(name), _bar((finite(value) or 0.0) / longest, css), duration(value)]
             for name, value, css in rows]
    total = f"This run took {duration(taken[_TOTAL])} in all. " if _TOTAL in taken else ""
    return (f'<section><h2>Time</h2>{_table([], cells, bars=True)}<p class="quiet">{total}A phase that an '
            "earlier run had finished is listed with the time it took then.</p></section>")


def _settings(metrics: Mapping[str, Any]) -> str:
    parts = []
    if metrics.get("command"):
        parts.append(f"<h2>Command</h2><pre>{text(metrics['command'])}</pre>")
    for key, title in (("config", "Configuration"), ("versions", "Versions")):
        values = metrics.get(key)
        if isinstance(values, Mapping) and values:
            rows = [[text(name), text(value)] for name, value in values.items()]
            table = _table([], rows, words=True)
            parts.append(f'<details id="{key}"><summary>{title}</summary>{table}</details>')
    return f"<section>{''.join(parts)}</section>" if parts else ""


def _titles(models) -> list[str]:
    return [f'<span class="key {css}">{title}</span>' for _, title, css in models]


def _first(metrics: Mapping[str, Any], models, *keys: Any) -> Any:
    """What all models share, such as the entities of a type, from the first that has it."""
    return next((value for key, _, _ in models if (value := dig(metrics, key, *keys)) is not None), None)


def _keys(metrics: Mapping[str, Any], models, table: str) -> list[Any]:
    """Names that any model has a row for in a table, in their first order."""
    return list(dict.fromkeys(name for key, _, _ in models for name in dig(metrics, key, table) or {}))


def _bar(share: Any, css: str) -> str:
    share = min(1.0, max(0.0, finite(share) or 0.0))
    return f'<i><b class="{css}" style="width:{100 * share:.1f}%"></b></i>'


def _table(heads: list[list[str]], rows: list[list[str]], spans: tuple[int, ...] = (), bars: bool = False,
           words: bool = False) -> str:
    """A table of cells that are HTML already.

    Args:
        heads: rows of the head.
        rows: each begins with its name.
        spans: columns that each cell of the first head row covers; empty: one.
        bars: whether the second column holds bars.
        words: whether the other columns hold words rather than numbers.
    """
    parts = []
    for number, head in enumerate(heads):
        widths = spans if spans and number == 0 else (1,) * len(head)
        parts.append("<tr>" + "".join(f'<th scope="col" colspan="{width}">{cell}</th>'
                                      for width, cell in zip(widths, head)) + "</tr>")
    head = f"<thead>{''.join(parts)}</thead>" if parts else ""
    body = []
    for first, *rest in rows:
        cells = [f'<td class="{"bar" if bars and i == 0 else "words" if words else "number"}">{cell}</td>'
                 for i, cell in enumerate(rest)]
        body.append(f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>')
    kind = ' class="bars"' if bars else ""
    return f'<div class="scroll"><table{kind}>{head}<tbody>{"".join(body)}</tbody></table></div>'
