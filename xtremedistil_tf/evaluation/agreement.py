"""Does an exported form answer as the student does?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

#: Numbers that are no further apart count as the same answer.
SAME_NUMBER = 1e-2


def agreement(task: Task, expected: Sequence[Any], found: Sequence[Any]) -> float:
    """Share of equal answers, 0 to 1: of words for tagging, of examples otherwise.

    Args:
        task: what is answered.
        expected, found: predictions of the task; numbers are equal within 0.01.
    """
    if task.kind == "tagging":
        pairs = [(a, b) for one, other in zip(expected, found, strict=True) for a, b in zip(one, other, strict=True)]
    elif task.kind == "classification":
        pairs = [(a.label, b.label) for a, b in zip(expected, found, strict=True)]
    elif task.kind == "question_answering":
        pairs = [((a.text, a.start), (b.text, b.start)) for a, b in zip(expected, found, strict=True)]
    else:
        pairs = [(True, abs(a - b) <= SAME_NUMBER) for a, b in zip(expected, found, strict=True)]
    return float(np.mean([a == b for a, b in pairs])) if pairs else 1.0
