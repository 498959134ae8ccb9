"""The report's section of examples that student and teacher answer differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.report.section import Section
from xtremedistil_tf.report.values import count, dig, finite, isolated, items, plain, records, text, words

#: Examples beyond these are folded away.
_OPEN = 6
_ANSWERS = ("gold", "teacher", "student")


def disagreements(metrics: Mapping[str, Any]) -> Section | None:
    """Cards with the text, the gold answer and the two answers."""
    found = metrics.get("disagreements")
    shown = [_card(example) for example in records(dig(found, "shown"))]
    if not shown:
        return None
    intro = (f'<p class="quiet">Student and teacher differ on {count(dig(found, "differ"))} of '
             f'{count(dig(found, "examples"))} {items(metrics)}; here are {len(shown)}, {words(metrics).chosen}. '
             "✓ marks answers that are the gold one.</p>")
    more = (f'<details class="plain"><summary>{len(shown) - _OPEN} more</summary><ul class="examples">'
            f'{"".join(shown[_OPEN:])}</ul></details>') if len(shown) > _OPEN else ""
    return Section("disagreements", "Where student and teacher disagree",
                   f'{intro}<ul class="examples">{"".join(shown[:_OPEN])}</ul>{more}')


def _card(example: Mapping[str, Any]) -> str:
    language = example.get("language")
    lang = f' lang="{text(language)}"' if language else ""
    note = " · ".join(isolated(example[key]) for key in ("language", "cut") if example.get(key))
    parts = [f'<p class="quiet">{note}</p>' if note else ""]
    if "words" in example:
        tokens, *tags = [str(example.get(key) or "").split(" ") for key in ("words", *_ANSWERS)]
        rows = list(zip(tokens, *tags))
        marked = " ".join(f"<mark>{text(word)}</mark>" if teacher != student else text(word)
                          for word, _, teacher, student in rows)
        parts.append(f'<p class="text" dir="auto"{lang}>{marked}</p>')
        parts.append(_answers([row for row in rows if row[2] != row[3]], lang))
    else:
        parts += [f'<p class="text" dir="auto"{lang}>{text(example[key])}</p>'
                  for key in ("question", "context", "text", "pair") if example.get(key) is not None]
        parts.append(_answers([("", *(_shown(example.get(key)) for key in _ANSWERS))], lang))
    return f"<li>{''.join(parts)}</li>"


def _answers(rows: list[tuple[str, ...]], lang: str) -> str:
    """A table of word (none for whole texts), gold answer, and the two answers."""
    has_words = any(row[0] for row in rows)
    body = []
    for word, gold, *answers in rows:
        head = f'<th scope="row"{lang}>{isolated(word)}</th>' if has_words else ""
        cells = "".join(f'<td class="right">{isolated(answer)} ✓</td>' if answer == gold
                        else f"<td>{isolated(answer)}</td>" for answer in answers)
        body.append(f"<tr>{head}<td>{isolated(gold)}</td>{cells}</tr>")
    heads = [*(["word"] if has_words else []), "gold", '<span class="key teacher">teacher</span>',
             '<span class="key student">student</span>']
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (f'<table class="answers"><caption class="unseen">Answers</caption><thead><tr>{head}</tr></thead>'
            f'<tbody>{"".join(body)}</tbody></table>')


def _shown(answer: Any) -> str:
    if finite(answer) is not None:
        return plain(answer, ".2f")
    return "(no answer)" if answer == "" else str(answer)
