"""Examples that student and teacher answer differently, for people to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.corpus.example import AnyExample, Example, QuestionExample, TextExample
from xtremedistil_tf.evaluation.agreement import SAME_NUMBER
from xtremedistil_tf.transfer.text import evenly

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

#: Most examples that are shown.
SHOWN = 20
_MOST_WORDS = 60
_MOST_CHARACTERS = 500


def disagreements(task: Task, examples: Sequence[AnyExample], teacher: Sequence[Any],
                  student: Sequence[Any]) -> dict[str, Any]:
    """Examples with gold answer and the two that differ.

    Args:
        task: what is answered.
        examples: labelled examples.
        teacher, student: predictions of the task, one per example.

    Returns:
        `examples` (how many were compared), `differ` (how many are answered differently; numbers within 0.01
        and answers of the same text are not) and `shown`: at most `SHOWN` of those, spread evenly over them,
        for numbers those furthest apart. Each has `language` where known, `gold`, `teacher`, `student` and

        * for tagging `words`; it and the three are joined by spaces, which keeps the file short;
        * for classification and regression `text` and where there is one `pair`;
        * for question answering `question` and `context`; no answer is "".

        Of long texts there is a part, with "…" where it was cut.
    """
    rows = list(zip(examples, teacher, student, strict=True))
    apart = [_distance(task.kind, one, other) for _, one, other in rows]
    found = [i for i, distance in enumerate(apart) if distance > 0]
    if task.kind == "regression":
        chosen = sorted(found, key=lambda i: -apart[i])[:SHOWN]
    else:
        chosen = list(evenly(found, len(found), SHOWN))
    kinds: dict[str, Callable[..., dict[str, Any]]] = {"tagging": _sentence, "question_answering": _question}
    describe = kinds.get(task.kind, _text)
    return {"examples": len(rows), "differ": len(found),
            "shown": [_language(rows[i][0]) | describe(*rows[i]) for i in chosen]}


def _distance(kind: str, teacher: Any, student: Any) -> float:
    """0 for answers that count as the same."""
    if kind == "tagging":
        return float(list(teacher) != list(student))
    if kind == "classification":
        return float(teacher.label != student.label)
    if kind == "question_answering":
        return float(teacher.text != student.text)
    distance = abs(teacher - student)
    return distance if distance > SAME_NUMBER else 0.0


def _language(example: AnyExample) -> dict[str, str]:
    return {"language": example.language} if example.language else {}


def _sentence(example: Example, teacher: Sequence[str], student: Sequence[str]) -> dict[str, str]:
    first = next(i for i, (one, other) in enumerate(zip(teacher, student)) if one != other)
    begin = max(0, min(first - _MOST_WORDS // 3, len(example.words) - _MOST_WORDS))
    end = begin + _MOST_WORDS
    columns = {"words": example.words, "gold": example.tags, "teacher": teacher, "student": student}
    part = {name: " ".join(values[begin:end]) for name, values in columns.items()}
    return part | ({"cut": f"words {begin + 1} to {end} of {len(example.words)}"} if end < len(example.words)
                   or begin else {})


def _text(example: TextExample, teacher: Any, student: Any) -> dict[str, Any]:
    texts = {"text": example.text, "pair": example.pair}
    texts = {name: _part(text) for name, text in texts.items() if text is not None}
    return texts | {"gold": _answer(example.label), "teacher": _answer(teacher), "student": _answer(student)}


def _question(example: QuestionExample, teacher: Any, student: Any) -> dict[str, str]:
    starts = [answer.start for answer in (*example.answers[:1], teacher, student) if answer.text]
    gold = " / ".join(dict.fromkeys(answer.text for answer in example.answers))
    return {"question": _part(example.question), "context": _part(example.context, min(starts, default=0)),
            "gold": gold, "teacher": teacher.text, "student": student.text}


def _answer(value: Any) -> str | float:
    """A class's name, or a number."""
    value = getattr(value, "label", value)
    return value if isinstance(value, str) else round(float(value), 4)


def _part(text: str, around: int = 0) -> str:
    """At most `_MOST_CHARACTERS` of a text, from a little before the character `around`."""
    begin = max(0, min(around - _MOST_CHARACTERS // 4, len(text) - _MOST_CHARACTERS))
    end = begin + _MOST_CHARACTERS
    return ("…" if begin else "") + text[begin:end] + ("…" if end < len(text) else "")
