"""Questions about texts in the JSON of SQuAD 1.1 and 2.0."""

from __future__ import annotations

import json
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

from xtremedistil_tf.corpus.encodings import open_bytes
from xtremedistil_tf.corpus.example import Answer, QuestionExample
from xtremedistil_tf.corpus.files import Faults, encoding_problem, quoted, read_whole, stem_and_suffix
from xtremedistil_tf.errors import DataError

log = logging.getLogger(__name__)

FORMATS = (".json",)
_PEEKED = 10_000
EXPECTED = 'SQuAD\'s JSON: {"data": [{"paragraphs": [{"context": ..., "qas": [...]}]}]}'


def read_squad(path: str | os.PathLike[str], language: str | None = None,
               labels: str = "optional") -> list[QuestionExample]:
    """Reads a SQuAD file, also compressed. `line` of an example is the number of its question in the file.

    An answer that does not stand at its `answer_start` is taken from its nearest occurrence in the context
    (some translated sets are a few characters off). A question without the key `answers` is unlabelled; one
    with an empty list, or with `is_impossible`, has no answer in its context.

    Args:
        path: the file.
        language: of all examples.
        labels: `optional`; `required`: a question without `answers` is a fault; `ignored`: `answers` is not looked
            at and is None in the examples.

    Raises:
        DataError: the file cannot be read or is no such JSON, or questions are faulty: one error for the whole
            file that names the first ten (by number) and how many there are.
    """
    text = read_whole(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}), expected {EXPECTED}.") from error
    faults, moved = Faults(path), 0
    examples: list[QuestionExample] = []
    ids: set[str] = set()
    for number, (context, question) in enumerate(_questions(content, path), 1):
        example, problem = _example(context, question, language, os.fspath(path), number, labels)
        if example and example.id in ids:
            problem = f"question id {quoted(example.id)} for the second time, expected each once"
        if problem or example is None:
            faults.add(number, problem)
            continue
        ids.add(example.id)
        moved += _moved(question, example)
        examples.append(example)
    faults.raise_if_any()
    if moved:
        log.warning("%s: %d answers are not at their answer_start; their nearest occurrence is used",
                    path, moved)
    if not examples:
        raise DataError(f"{path}: no questions, expected {EXPECTED}.")
    return examples


def is_squad(path: str | os.PathLike[str]) -> bool:
    """Whether a file is SQuAD's JSON, or means to be: JSON that is neither lines nor an array of objects."""
    suffix = stem_and_suffix(path)[1]
    if suffix != ".json":
        return False
    with open_bytes(pathlib.Path(path)) as handle:
        start = handle.read(_PEEKED).decode("utf-8", "replace")
    return '"paragraphs"' in start or ('"data"' in start and '"text"' not in start) or not start.strip().startswith(
        ("[", '{"text', '{"sentence', '{"label', '{"premise', '{"question"'))


def _questions(content: Any, path: str | os.PathLike[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    try:
        for article in content["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield paragraph["context"], question
    except KeyError as error:
        raise DataError(f"{path}: key {error} is missing, expected {EXPECTED}.") from error
    except TypeError as error:
        raise DataError(f"{path}: a part is missing or of another type ({error}), expected {EXPECTED}.") from error


def _example(context: Any, question: Any, language: str | None, source: str,
             number: int, labels: str) -> tuple[QuestionExample | None, str]:
    if not isinstance(question, dict) or not isinstance(question.get("question"), str):
        return None, f"{quoted(question)}, expected an object with question and id"
    name = str(question.get("id", number))
    for what, text in (("context", context), ("question", question["question"]), ("id", name)):
        # Some published sets do have empty questions (CMRC 2018).
        if not isinstance(text, str) or (what != "question" and not text.strip()):
            return None, f"empty {what}, expected a text"
        if problem := encoding_problem(text):
            return None, f"{what}: {problem}"
    answers = [] if question.get("is_impossible") else question.get("answers")
    if labels == "ignored":
        answers = None
    elif answers is None and labels == "required":
        return None, "no answers, expected at least one, or an empty list where the context holds none"
    if answers is not None:
        answers, problem = _answers(answers, context)
        if problem:
            return None, problem
    return QuestionExample(name, question["question"], context, answers, language, source, number), ""


def _moved(question: dict[str, Any], example: QuestionExample) -> int:
    given = question.get("answers")
    given = given if isinstance(given, list) else [given]
    return sum(was["answer_start"] != now.start for was, now in zip(given, example.answers or ()))


def _answers(answers: Any, context: str) -> tuple[tuple[Answer, ...] | None, str | None]:
    found = []
    for answer in answers if isinstance(answers, list) else [answers]:
        if not (isinstance(answer, dict) and isinstance(answer.get("text"), str)
                and type(answer.get("answer_start")) is int):
            return None, f"answer {quoted(answer)}, expected an object with text and answer_start"
        start = nearest(context, answer["text"], answer["answer_start"])
        if start < 0 or not answer["text"].strip():
            return None, f"answer {quoted(answer['text'])} does not occur in its context"
        found.append(Answer(answer["text"], start))
    return tuple(found), None


def nearest(context: str, text: str, start: int) -> int:
    """Where the text stands nearest to `start`; -1 if nowhere."""
    if start >= 0 and context.startswith(text, start):
        return start
    before, after = context.rfind(text, 0, max(0, start) + len(text)), context.find(text, max(0, start))
    candidates = [place for place in (before, after) if place >= 0]
    return min(candidates, key=lambda place: abs(place - start), default=-1)
