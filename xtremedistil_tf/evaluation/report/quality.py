"""The report's sections on quality: scores, by language and type too, confusion, and where the models disagree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xtremedistil_tf.evaluation.report.rendering import Bar, Noted, Section, Table, bar
from xtremedistil_tf.evaluation.report.values import (
    MOST_KEPT,
    NO_GOLD,
    OUTDONE,
    Model,
    by_teacher,
    count,
    dig,
    finite,
    first,
    items,
    main_score,
    names,
    percent,
    plain,
    printable,
    records,
    score_title,
    with_unit,
    words,
)

#: Labels above which a matrix is too wide to read, and the most frequent mistakes are listed instead.
_MOST_LABELS = 16
_MOST_MISTAKES = 30
#: Disagreements beyond these are folded away.
_OPEN = 6
_ANSWERS = ("gold", "teacher", "student")


def comparison(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Scores of the models side by side."""
    if not models:
        return None
    kept = metrics.get("retention")

    def row(name: str, value: Callable[..., Any], last: str = "") -> list[Any]:
        return [name, *[value(metrics[model.key]) for model in models], last]

    main, title = main_score(metrics), score_title(metrics)
    scored = [key for key in words(metrics).scores
              if key != main and any(key in metrics[model.key] for model in models)]
    rows = [row(score_title(metrics, key), lambda m, key=key: percent(m.get(key)),
                with_unit(percent(dig(kept, key)), " %") if key == main else "") for key in (main, *scored)]
    if any(dig(metrics, model.key, "per_language") for model in models):
        retained = with_unit(percent(dig(kept, f"mean_{main}")), " %")
        rows.append(row("mean over languages", lambda m: Noted(
            percent(m.get(f"mean_{main}")), f"± {percent(m.get(f'std_{main}'))}"), retained))
    extra = metrics.get("extra")
    for name, found in (extra.items() if isinstance(extra, Mapping) else ()):
        rows.append([f"{title}, {printable(name)}", *[percent(dig(found, model.key)) for model in models], ""])
    header = ["score", *models, "vs teacher"]
    if not kept:  # there is no teacher to compare with
        header, rows = header[:-1], [row[:-1] for row in rows]
    table = Table(f"Scores in per cent on the {printable(metrics.get('split'))} set", header, rows)
    return Section("quality", "Teacher and student", {"table": table, "note": _notes(metrics)})


def _notes(metrics: Mapping[str, Any]) -> str:
    kind = words(metrics)
    notes = [NO_GOLD if by_teacher(metrics) else "",
             kind.note.format(support=count(dig(metrics, "student", "support"))),
             kind.decoding_notes.get(str(metrics.get("decoding")), "")]
    if (dig(metrics, "retention", main_score(metrics)) or 0) > MOST_KEPT:
        notes.append(OUTDONE[0].upper() + OUTDONE[1:])
    if "direct_baseline" in metrics:
        notes.append("“Labels alone” is the same student trained on the labelled data, without the teacher.")
    return " ".join(filter(None, notes))


def languages(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """A bar per language and model."""
    main, rows = main_score(metrics), []
    for name in names(metrics, models, "per_language"):
        scores = [dig(metrics, model.key, "per_language", name, main) for model in models]
        retained = percent(dig(metrics, "retention", "per_language", name), 1)
        support = first(metrics, models, "per_language", name, "sentences")
        rows.append([name, _bars(scores, models), *[percent(score, 1) for score in scores],
                     with_unit(retained, " %"), count(support)])
    table = Table(f"{score_title(metrics, capital=True)} by language, in per cent",
                  ["language", "0 to 100", *models, "retention", items(metrics)], rows, sortable=True)
    return Section("languages", "Languages", {"table": table, "note": ""}) if rows else None


def types(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """F1, precision and recall of each entity type or class."""
    kind = words(metrics)
    columns = [("f1", "F1"), ("precision", "P"), ("recall", "R")]
    rows = []
    for name in names(metrics, models, "per_type"):
        f1 = [dig(metrics, model.key, "per_type", name, "f1") for model in models]
        support = first(metrics, models, "per_type", name, "support")
        rows.append([name, _bars(f1, models), count(support),
                     *[percent(dig(metrics, model.key, "per_type", name, column), 1)
                       for model in models for column, _ in columns]])
    heads = [kind.part.split()[-1], "F1, 0 to 100", kind.counted, *[head for _ in models for _, head in columns]]
    table = Table(f"F1, precision (P) and recall (R) by {kind.part}, in per cent", heads, rows,
                  groups=[("", 1)] * 3 + [(model, len(columns)) for model in models], sortable=True)
    return Section("types", kind.parts, {"table": table, "note": ""}) if rows else None


def _bars(shares: Sequence[Any], models: Sequence[Model]) -> list[Bar]:
    return [bar(share, model.css) for share, model in zip(shares, models)]


def confusions(metrics: Mapping[str, Any], models: Sequence[Model]) -> Section | None:
    """Counts of gold label and answer for each model that has them, the student's first."""
    found = [(model, counts) for model in models if _labels(counts := dig(metrics, "confusion", model.key))]
    found.sort(key=lambda pair: pair[0].key != "student")
    if not found:
        return None
    of = words(metrics).confused
    right = "teacher" if by_teacher(metrics) else "gold"
    shown = [(_matrix if len(_labels(counts)) <= _MOST_LABELS else _mistakes)(
        counts, f"{model.title.capitalize()}: {of}", right) | {"css": model.css, "right": right}
        for model, counts in found]
    return Section("confusion", "Confusion", {
        "shown": shown, "shaded": any("labels" in one for one in shown),
        "right": f"{right} label" if right == "gold" else "teacher's label"}, "confusion")


def _labels(counts: Any) -> list[Any]:
    """All labels on either side, in the order of the rows."""
    if not isinstance(counts, Mapping):
        return []
    answers = [answer for row in counts.values() if isinstance(row, Mapping) for answer in row]
    return list(dict.fromkeys([*counts, *answers]))


def _matrix(counts: Mapping[str, Any], title: str, right: str) -> dict[str, Any]:
    """Labels, and a row for each: gold label, and for each answer count, share of the row, whether it is right."""
    labels, rows = _labels(counts), []
    for gold in labels:
        numbers = [finite(dig(counts, gold, answer)) or 0.0 for answer in labels]
        whole = sum(numbers) or 1.0
        rows.append((gold, [(count(number) if number else "·", f"{number / whole:.3f}", answer == gold)
                            for answer, number in zip(labels, numbers)]))
    return {"caption": f"{title}; rows are {right}, columns its answers", "labels": labels, "rows": rows}


def _mistakes(counts: Mapping[str, Any], title: str, right: str) -> dict[str, Any]:
    """Gold label, answer, count and share of the gold label, the most frequent first."""
    wrong = [(finite(dig(counts, gold, answer)) or 0.0, gold, answer) for gold in counts
             for answer in counts[gold] or {} if answer != gold]
    rows = []
    for number, gold, answer in sorted(wrong, key=lambda one: -one[0])[:_MOST_MISTAKES]:
        whole = sum(finite(value) or 0.0 for value in counts[gold].values()) or 1.0
        rows.append((gold, answer, count(number), percent(number / whole, 1)))
    return {"caption": f"{title}, the most frequent {'mistakes' if right == 'gold' else 'differences'}", "rows": rows}


def disagreements(metrics: Mapping[str, Any]) -> Section | None:
    """Cards with the text, the gold answer and the two answers."""
    found = metrics.get("disagreements")
    cards = [_card(example) for example in records(dig(found, "shown"))]
    return Section("disagreements", "Where student and teacher disagree", {
        "differ": count(dig(found, "differ")), "examples": count(dig(found, "examples")), "what": items(metrics),
        "chosen": words(metrics).chosen, "open": cards[:_OPEN], "folded": cards[_OPEN:]},
        "disagreements") if cards else None


def _card(example: Mapping[str, Any]) -> dict[str, Any]:
    """What a card shows: `words` with whether the answers differ, or whole `texts`; and rows of answers."""
    card = {"language": example.get("language") or "",
            "notes": [example[key] for key in ("language", "cut") if example.get(key)], "words": [], "texts": []}
    if "words" in example:
        tokens, *tags = [str(example.get(key) or "").split(" ") for key in ("words", *_ANSWERS)]
        rows = list(zip(tokens, *tags))
        differ = [row for row in rows if row[2] != row[3]]
        return card | {"words": [(row[0], row[2] != row[3]) for row in rows], "answers": differ,
                       "by_word": any(row[0] for row in differ)}
    texts = [example[key] for key in ("question", "context", "text", "pair") if example.get(key) is not None]
    return card | {"texts": texts, "answers": [("", *(_answer(example.get(key)) for key in _ANSWERS))],
                   "by_word": False}


def _answer(answer: Any) -> str:
    if finite(answer) is not None:
        return plain(answer, ".2f")
    return "(no answer)" if answer == "" else str(answer)
