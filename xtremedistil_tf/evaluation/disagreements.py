"""Examples that student and teacher answer differently, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.transfer.text import evenly

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

#: Most examples that are shown.
SHOWN = 20


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
        * for kinds that answer whole texts `text` and where there is one `pair`;
        * for question answering `question` and `context`; no answer is "".

        Of long texts there is a part, with "…" where it was cut.
    """
    rows = list(zip(examples, teacher, student, strict=True))
    apart = [task.distance(one, other) for _, one, other in rows]
    found = [i for i, distance in enumerate(apart) if distance > 0]
    if task.most_distant_first:
        chosen = sorted(found, key=lambda i: -apart[i])[:SHOWN]
    else:
        chosen = list(evenly(found, len(found), SHOWN))
    return {"examples": len(rows), "differ": len(found),
            "shown": [_language(rows[i][0]) | task.disagreement(*rows[i]) for i in chosen]}


def _language(example: AnyExample) -> dict[str, str]:
    return {"language": example.language} if example.language else {}
