"""The kinds of tasks by name."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tasks.words import KindWords

# One line a kind; `TASK_KINDS` of the configuration names the same ones.
_CLASSES = {
    "tagging": "TaggingTask",
    "classification": "ClassificationTask",
    "regression": "RegressionTask",
    "question_answering": "QuestionAnsweringTask",
    "multi_label": "MultiLabelTask",
}


class _Kinds(Mapping[str, type[Task]]):
    """The classes by kind, each imported when it is first asked for."""

    def __getitem__(self, kind: str) -> type[Task]:
        return _class_of(kind, _CLASSES[kind])

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


KINDS: Mapping[str, type[Task]] = _Kinds()


@functools.cache
def _class_of(kind: str, name: str) -> type[Task]:
    found: type[Task] = getattr(importlib.import_module(f"xtremedistil_tf.tasks.{kind}"), name)
    return found


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
        raise ConfigError(f"`task_kind={kind}`: expected one of {', '.join(KINDS)}.")
    possible = inspect.signature(KINDS[kind]).parameters
    for name, value in options.items():
        if name not in possible:
            raise ConfigError(f"`{name}={value}`: `task_kind={kind}` has no such setting. Omit it.")
    return KINDS[kind](labels, **options)


def words_of(kind: str) -> KindWords:
    """What people read about a kind; words that fit any where there is no such kind."""
    return KINDS[kind].words if kind in KINDS else KindWords()


def kind_of_outputs(names: Iterable[str]) -> str | None:
    """The kind of a model that answers raw text with these outputs, None if it is no kind's.

    Of the kinds whose telling outputs are there, the one that has the most of them: all have `scores`.
    """
    given = frozenset(names)
    shared = {kind: len(given.intersection(task.raw_text.outputs)) for kind, task in KINDS.items()
              if task.raw_text.telling <= given}
    return max(shared, key=lambda kind: shared[kind], default=None)
