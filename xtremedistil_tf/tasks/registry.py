"""The kinds of tasks by name, and what their scores are called."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.scores import SCORES, KindWords
from xtremedistil_tf.tasks.task import Task

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


def words_of(kind: str, main_score: str = "") -> KindWords:
    """What people read about tasks of a kind with a main score; words that fit any where there is no such kind."""
    return KINDS[kind].words_for(main_score) if kind in KINDS else KindWords()


def kind_of_outputs(names: Iterable[str]) -> str | None:
    """The kind of a model that answers raw text with these outputs, None if it is no kind's.

    Of the kinds whose telling outputs are there, the one that has the most of them: all have `scores`.
    """
    given = frozenset(names)
    shared = {kind: len(given.intersection(task.raw_text.outputs)) for kind, task in KINDS.items()
              if task.raw_text.telling <= given}
    return max(shared, key=lambda kind: shared[kind], default=None)


def score_name(key: str, kind: str = "") -> str:
    """The name of a score for people; F1 of taggers is that of entities."""
    words = words_of(kind)
    return {**SCORES, **words.other_scores, **words.scores}.get(key, key.replace("_", " "))


def scores_text(scores: Mapping[str, Any], task: Task) -> str:
    """Scores of a task as lines for a person."""
    main, named = task.main_score, {**task.own_words.scores, **task.own_words.other_scores}
    shown = [main, *(key for key in scores if key in named and key != main)]
    lines = ["  ".join(f"{score_name(key, task.kind)} {100 * scores[key]:.2f}" for key in shown)
             + f"  of {scores['support']}"]
    if "per_language" in scores:
        lines.append(f"mean over languages {100 * scores[f'mean_{main}']:.2f} ±{100 * scores[f'std_{main}']:.2f}")
    lines += [f"  {name:<12} {100 * row['f1']:.2f}" for name, row in scores.get("per_type", {}).items()]
    lines += [f"  {name:<12} {100 * row[main]:.2f}" for name, row in scores.get("per_language", {}).items()]
    return "\n".join(lines)
