"""The kinds of tasks by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.task import Task

KINDS: dict[str, type[Task]] = {
    task.kind: task for task in (TaggingTask, ClassificationTask, RegressionTask, QuestionAnsweringTask)}


def make_task(kind: str, labels: Sequence[str], **options: Any) -> Task:
    """The task of a kind, such as `tagging`.

    Args:
        kind: name of the kind.
        labels: names of its outputs.
        options: the other arguments of its class, such as `main_score` or `version_2`.

    Raises:
        ConfigError: there is no such kind, or it does not go with these labels or options.
    """
    if kind not in KINDS:
        raise ConfigError(f"--task_kind={kind}: expected one of {', '.join(KINDS)}.")
    possible = inspect.signature(KINDS[kind]).parameters
    for name, value in options.items():
        if name not in possible:
            raise ConfigError(f"{name}={value}: --task_kind={kind} has no such setting. Leave it out.")
    return KINDS[kind](labels, **options)
