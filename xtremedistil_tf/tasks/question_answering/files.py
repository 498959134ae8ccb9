"""Questions and their answers in files and in data sets of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.corpus import squad
from xtremedistil_tf.corpus.example import Answer, QuestionExample
from xtremedistil_tf.corpus.hub import HubRows, column_of
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.languages import file_language
from xtremedistil_tf.corpus.text import text_files

_OUTPUTS = ("start", "end")


def _questions(path: str) -> Iterator[QuestionExample]:
    for file in text_files(path):
        yield from squad.read_squad(file, file_language(file), "ignored")


FILES = Kind(squad.FORMATS, lambda path, labels, language: squad.read_squad(path, language, "required"), _questions,
             lambda files: list(_OUTPUTS), lambda splits: list(_OUTPUTS), versioned=True)


def hub_rows(data: Any, name: str) -> HubRows:
    """`question`, `context` and `answers`."""
    for column in ("question", "context", "answers"):
        column_of(data, (column,), name)
    return HubRows(lambda splits: list(_OUTPUTS), _question, lambda test: False)


def _question(row: dict[str, Any], source: str, number: int) -> QuestionExample | None:
    if row["answers"] is None or not row["context"] or row["question"] is None:
        return None
    given = list(zip(row["answers"]["text"], row["answers"]["answer_start"]))
    places = [squad.nearest(row["context"], text, start) if text else -1 for text, start in given]
    if -1 in places:
        return None
    answers = tuple(Answer(text, place) for (text, _), place in zip(given, places))
    return QuestionExample(str(row.get("id", number)), row["question"], row["context"], answers, None, source, number)
