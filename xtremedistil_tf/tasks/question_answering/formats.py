"""Questions and answers in files and in data sets of the hub, and as raw text: what is asked, answered and shown."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from xtremedistil_tf.corpus import squad
from xtremedistil_tf.corpus.example import Answer, QuestionExample
from xtremedistil_tf.corpus.files import file_language
from xtremedistil_tf.corpus.kinds import Kind, Record, is_column, plain
from xtremedistil_tf.corpus.published import HubRows, column_of
from xtremedistil_tf.corpus.text import text_files
from xtremedistil_tf.tasks.raw_text import FLOAT, INT, TEXT, Asked, Output, Outputs, RawText, utf8

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.question_answering.task import QuestionAnsweringTask


_LABELS = ("start", "end")


def _questions(path: str, reading: Any = None) -> Iterator[QuestionExample]:
    for file in text_files(path):
        yield from squad.read_squad(file, file_language(file), "ignored")


def _record(row: Any, labelled: bool) -> Record | None:
    if isinstance(row, QuestionExample):
        given: Any = None if row.answers is None else [(answer.text, answer.start) for answer in row.answers]
        row = {"id": row.id, "question": row.question, "context": row.context, "answers": given}
    if not isinstance(row, Mapping):
        if not is_column(row) or len(row) != 2 + labelled:
            return None
        row = dict(zip(("question", "context", "answers"), row))
    question, context = row.get("question"), row.get("context")
    if not isinstance(question, str) or not isinstance(context, str):
        return None
    record = {"question": question, "context": context, "id": row.get("id")}
    if not labelled:
        return record
    try:
        return record | {"answers": _answers(row.get("answers"), context)}
    except (TypeError, ValueError):  # neither a text, nor texts, nor texts with their places
        return None


def _answers(answers: Any, context: str) -> list[Record] | None:
    """Answers as SQuAD has them; a text alone stands where it first occurs."""
    if answers is None:
        return None
    if isinstance(answers, str):
        answers = [answers] if answers else []
    if isinstance(answers, Mapping) and is_column(answers.get("text")):  # as data sets of the hub have them
        answers = list(zip(answers["text"], answers["answer_start"]))
    found = []
    for answer in [answers] if isinstance(answers, Mapping) else answers:
        if isinstance(answer, Mapping):
            found.append(dict(answer))
            continue
        text, start = (answer, context.find(answer)) if isinstance(answer, str) else answer
        found.append({"text": text, "answer_start": start})
    return found


def _write(file: TextIO, records: Iterable[Record]) -> None:
    """Writes SQuAD's JSON; questions on one context that follow each other share a paragraph."""
    paragraphs = []
    for context, group in itertools.groupby(enumerate(records, 1), lambda pair: pair[1]["context"]):
        questions = [{name: value for name, value in record.items() if name != "context"}
                     | {"id": str(record["id"] if record["id"] is not None else number)} for number, record in group]
        paragraphs.append({"context": context, "qas": questions})
    json.dump({"data": [{"paragraphs": paragraphs}]}, file, default=plain)


_FILES = Kind(squad.FORMATS,
             lambda path, labels, language, reading: squad.read_squad(path, language, "required"), _questions,
             lambda files: list(_LABELS), lambda splits: list(_LABELS), _record,
             ("(question, context, answers), or a mapping with question, context and answers",
              "(question, context), or a mapping with question and context"), _write, ".json", versioned=True)


def files(pairs: bool) -> Kind:
    """See `Task.files`."""
    return _FILES


def hub_rows(data: Any, pairs: bool, name: str) -> HubRows:
    """`question`, `context` and `answers`."""
    for column in ("question", "context", "answers"):
        column_of(data, (column,), name)
    return HubRows(lambda splits: list(_LABELS), _question, lambda test: False)


def _question(row: dict[str, Any], source: str, number: int) -> QuestionExample | None:
    if row["answers"] is None or not row["context"] or row["question"] is None:
        return None
    given = list(zip(row["answers"]["text"], row["answers"]["answer_start"]))
    places = [squad.nearest(row["context"], text, start) if text else -1 for text, start in given]
    if -1 in places:
        return None
    answers = tuple(Answer(text, place) for (text, _), place in zip(given, places))
    return QuestionExample(str(row.get("id", number)), row["question"], row["context"], answers, None, source, number)


SHOW = r"""
function show(answer, asked) {
  const characters = Array.from(asked.contexts);
  const box = make("div", "card text plain");
  if (answer.answers) {
    box.append(characters.slice(0, answer.starts).join(""),
               marked(characters.slice(answer.starts, answer.ends).join(""), ""),
               characters.slice(answer.ends).join(""));
  } else {
    box.append(make("em", "", "The context holds no answer."));
  }
  const scores = `Score ${decimals(answer.scores)}; of “no answer” ${decimals(answer.no_answer_scores)}`;
  return [box, make("p", "figures", scores)];
}
"""


#: In the order of `AnswerSpan`.
_OUTPUTS = {"answers": Output(TEXT), "starts": Output(INT), "ends": Output(INT), "scores": Output(FLOAT),
            "no_answer_scores": Output(FLOAT)}


@dataclasses.dataclass(frozen=True)
class AnswerSpan:
    """The answer to a question.

    Attributes:
        text: as it stands in the context, empty for "no answer".
        start, end: offsets of its first character and of the one after its last; 0 for "no answer".
        score: start logit + end logit of the best answer, also where "no answer" was preferred.
        no_answer_score: start logit + end logit of "no answer", in the window where they are lowest.
    """

    text: str
    start: int
    end: int
    score: float
    no_answer_score: float


def _asked(task: QuestionAnsweringTask, given: Any) -> Asked | None:
    if isinstance(given, QuestionExample):
        return Asked(given)
    if isinstance(given, Mapping):
        given = (given.get("question"), given.get("context"))
    if isinstance(given, str) or not (isinstance(given, Sequence) and len(given) == 2
                                      and all(isinstance(part, str) for part in given)):
        return None
    return Asked(QuestionExample("", *given))


def _answer(task: QuestionAnsweringTask, one: Asked, prediction: AnswerSpan) -> AnswerSpan:
    return prediction


def _read(outputs: Outputs) -> list[AnswerSpan]:
    return [AnswerSpan(*values) for values in zip(*(outputs[name].tolist() for name in _OUTPUTS))]


def _arrays(task: QuestionAnsweringTask, answers: Sequence[AnswerSpan]) -> dict[str, np.ndarray]:
    columns = {name: [getattr(one, field.name) for one in answers]
               for name, field in zip(_OUTPUTS, dataclasses.fields(AnswerSpan))}
    return {name: utf8(values) if _OUTPUTS[name].dtype == TEXT else np.array(values, _OUTPUTS[name].dtype)
            for name, values in columns.items()}


RAW_TEXT = RawText(("questions", "contexts"), frozenset(), _OUTPUTS, _asked,
                   "a tuple (question, context), or a mapping with question and context", _answer, _arrays, _read,
                   frozenset(_OUTPUTS), frozenset(["answers"]), "answer",
                   answer_class=AnswerSpan)
