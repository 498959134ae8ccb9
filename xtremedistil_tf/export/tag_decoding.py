"""What a program needs to choose a tagger's tags from logits by itself: the rule, and examples to test it with."""

from __future__ import annotations

from typing import Any

import numpy as np

from xtremedistil_tf.tasks.decoding import best_sequences
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.task import Task

#: Name of the file or of the entry that holds it.
DECODING = "decoding"
_WORDS, _VECTORS, _MOST_TRIED = 5, 3, 200


def decoding_facts(task: Task) -> dict[str, Any] | None:
    """The rule as JSON; None for tasks other than tagging.

    Returns:
        `name`: `argmax` (each word by itself), or `legal`: the sequence of labels with the greatest sum of logits
        among those that are allowed, labels being numbered from 0. Then also `may_begin`, the labels that may
        begin a sentence; `may_follow`, for each label the list of those that may follow it; and `test_vectors`,
        each with the `logits` [words][labels] of a sentence, the right `label_ids` [words], and `argmax`, what
        they would be word by word, which is always something else.
    """
    if not isinstance(task, TaggingTask):
        return None
    rules = task.transitions
    if not rules.restricted:
        return {"name": "argmax"}
    count = task.num_outputs
    allowed = [np.flatnonzero(row).tolist() for row in rules.may_follow(np.arange(count + 1))]
    return {"name": "legal", "may_begin": allowed[count], "may_follow": allowed[:count],
            "test_vectors": _test_vectors(task)}


def _test_vectors(task: TaggingTask) -> list[dict[str, Any]]:
    """A few sentences whose best labels are not allowed."""
    random, found = np.random.default_rng(0), []
    for _ in range(_MOST_TRIED):
        # Rounded, so that the numbers are the same in any language; far enough from equal sums.
        logits = np.round(2.0 * random.normal(size=(_WORDS, task.num_outputs)), 2)
        label_ids = best_sequences(logits.astype(np.float32), [_WORDS], task.transitions)
        argmax = logits.argmax(-1)
        if (label_ids != argmax).any():
            found.append({"logits": logits.tolist(), "label_ids": label_ids.tolist(), "argmax": argmax.tolist()})
        if len(found) == _VECTORS:
            break
    return found
