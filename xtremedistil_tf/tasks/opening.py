"""From a configuration to the labelled data and the task that they are for."""

from __future__ import annotations

import pathlib
from typing import Any

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import TaskCorpus, read_glue
from xtremedistil_tf.corpus.glue import glue_task
from xtremedistil_tf.tasks.reading import load_hub, load_task
from xtremedistil_tf.tasks.registry import KINDS, make_task
from xtremedistil_tf.tasks.task import Task

HUB_PREFIX = "hf:"
# GLUE reports Matthews' correlation for CoLA and accuracy for the other classifications.
_GLUE_METRICS = {"cola": "matthews"}
_GLUE_REGRESSIONS = ("stsb",)


def open_task(config: DistillationConfig) -> tuple[TaskCorpus, Task]:
    """Reads the labelled data of `config.task` and makes the task.

    Raises:
        DataError, ConfigError: see the readers in `corpus`.
    """
    kind = kind_of(config)
    limits: dict[str, Any] = {"max_train": config.max_train_per_language or None,
                              "max_dev": config.max_dev_per_language or None,
                              "max_test": config.max_test_per_language or None,
                              "decontaminate": not config.keep_test_text}
    if config.task_name:
        corpus = read_glue(config.task, config.task_name, **limits)
    elif config.task.startswith(HUB_PREFIX):
        corpus = load_hub(config.task[len(HUB_PREFIX):], kind, pairs=config.do_pairwise, **limits)
    else:
        languages = [name.strip() for name in config.languages.split(",") if name.strip()]
        corpus = load_task(config.task, languages=languages or None, kind=kind, pairs=config.do_pairwise, **limits)
    return corpus, make_task(kind, corpus.labels, **_options(config, kind, corpus))


def _options(config: DistillationConfig, kind: str, corpus: TaskCorpus) -> dict[str, Any]:
    metric = config.metric or _GLUE_METRICS.get(config.task_name and glue_task(config.task_name), "")
    options: dict[str, Any] = {"main_score": metric} if metric else {}
    return options | KINDS[kind].options_from(config, corpus)


def kind_of(config: DistillationConfig) -> str:
    """The kind of task that a configuration means."""
    if config.do_NER:
        return "tagging"
    if config.task_kind != "auto":
        return config.task_kind
    if config.task_name:
        return "regression" if glue_task(config.task_name) in _GLUE_REGRESSIONS else "classification"
    folder = pathlib.Path(config.task)
    if folder.is_dir() and any(folder.glob("train*.json*")) and not any(folder.glob("train*.jsonl*")):
        return "question_answering"
    return "classification"
