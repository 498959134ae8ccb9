"""Which right answer got which given one, counted."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from xtremedistil_tf.corpus.example import AnyExample

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task


def confusion(task: Task, examples: Sequence[AnyExample],
              predictions: Sequence[Any]) -> dict[str, dict[str, int]] | None:
    """How often each gold label was answered with each label: of words for tagging, of examples for classes.

    Args:
        task: what is answered.
        examples: labelled examples.
        predictions: of the task, one per example.

    Returns:
        {gold: {answer: count}} without zeros; None for tasks without labels to confuse. The keys are all
        labels that occur on either side, those of the task first and in its order.
    """
    pairs = task.confusion_pairs(examples, predictions)
    if pairs is None:
        return None
    counts = collections.Counter(pairs)
    occurring = {label for pair in counts for label in pair}
    order = [label for label in task.labels if label in occurring]
    order += sorted(occurring.difference(order))
    return {gold: {answer: counts[gold, answer] for answer in order if counts[gold, answer]}
            for gold in order}
