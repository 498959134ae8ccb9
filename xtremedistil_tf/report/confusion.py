"""The report's section on which labels are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.report.html_table import caption_of, framed, html_table
from xtremedistil_tf.report.models import Model
from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import count, dig, finite, isolated, percent, words

#: Labels above which a matrix is too wide to read, and the most frequent mistakes are listed instead.
_MOST_LABELS = 16
_MOST_MISTAKES = 30


def confusions(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Counts of gold label and answer for each model that has them, the student's first."""
    found = [(model, counts) for model in models if _labels(counts := dig(metrics, "confusion", model.key))]
    found.sort(key=lambda pair: pair[0].key != "student")
    if not found:
        return None
    of = words(metrics).confused
    shown = [(_matrix if len(_labels(counts)) <= _MOST_LABELS else _mistakes)(model, counts, of)
             for model, counts in found]
    hint = "The deeper the shade, the larger the share of the gold label; right answers are framed."
    hint = hint if any(len(_labels(counts)) <= _MOST_LABELS for _, counts in found) else ""
    return Section("confusion", "Confusion",
                   f'<div class="pairs">{"".join(shown)}</div><p class="quiet">{hint}</p>')


def _labels(counts: Any) -> list[Any]:
    """All labels on either side, in the order of the rows."""
    if not isinstance(counts, Mapping):
        return []
    answers = [answer for row in counts.values() if isinstance(row, Mapping) for answer in row]
    return list(dict.fromkeys([*counts, *answers]))


def _matrix(model: Model, counts: Mapping[str, Any], of: str) -> str:
    labels, rows = _labels(counts), []
    for gold in labels:
        numbers = [finite(dig(counts, gold, answer)) or 0.0 for answer in labels]
        whole = sum(numbers) or 1.0
        cells = [f'<td class="cell{" right" if answer == gold else ""}" style="--share:{number / whole:.3f}">'
                 f'{count(number) if number else "·"}</td>' for answer, number in zip(labels, numbers)]
        rows.append(f'<tr><th scope="row">{isolated(gold)}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col">{isolated(label)}</th>' for label in labels)
    caption = f"{model.title.capitalize()}: {of}; rows are gold, columns its answers"
    return framed(f'<table class="matrix {model.css}">{caption_of(caption)}<thead><tr>'
                  f'<th scope="col">gold</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>',
                  caption)


def _mistakes(model: Model, counts: Mapping[str, Any], of: str) -> str:
    wrong = [(finite(dig(counts, gold, answer)) or 0.0, gold, answer) for gold in counts
             for answer in counts[gold] or {} if answer != gold]
    wrong = sorted(wrong, key=lambda one: -one[0])[:_MOST_MISTAKES]
    rows = []
    for number, gold, answer in wrong:
        whole = sum(finite(value) or 0.0 for value in counts[gold].values()) or 1.0
        rows.append([f"{isolated(gold)} → {isolated(answer)}", count(number), percent(number / whole, 1)])
    return html_table(f"{model.title.capitalize()}: {of}, the most frequent mistakes",
                      [["gold → answer", "count", "% of gold"]], rows, sortable=True)
