"""From names to data: a configuration's task and labelled data, and files of a kind of task by the kind's name."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.fields import listed
from xtremedistil_tf.corpus import TaskCorpus, read_folder, read_glue, read_hub
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.corpus.published import glue_task
from xtremedistil_tf.corpus.reading import BY_CONTENT, Reading
from xtremedistil_tf.corpus.squad import is_squad
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.answered import keep, kind_answered, open_answered
from xtremedistil_tf.tasks.registry import KINDS, make_task
from xtremedistil_tf.tasks.task import Task

HUB_PREFIX = "hf:"
# GLUE reports Matthews' correlation for CoLA and accuracy for the other classifications.
_GLUE_METRICS = {"cola": "matthews"}
_GLUE_REGRESSIONS = ("stsb",)


def kind_named(name: str, pairs: bool = False) -> Kind:
    """How a kind of task is kept in files, as the kind itself has it.

    Args:
        name: of the kind, such as `tagging`.
        pairs: whether tasks on texts are on pairs of texts.

    Raises:
        ConfigError: there is no such kind.
    """
    if name not in KINDS:
        raise ConfigError(f"kind of task {name!r}: expected one of {', '.join(KINDS)}.")
    return KINDS[name].files(pairs)


def load_task(folder: str | os.PathLike[str], languages: Sequence[str] | None = None, *, kind: str = "tagging",
              pairs: bool = False, **limits: Any) -> TaskCorpus:
    """Reads a task folder, see `corpus.read_folder`.

    Args:
        folder: the task folder.
        languages: only sentences of these languages; None or empty: all.
        kind: kind of the task, such as `classification`.
        pairs: whether the examples of classification and regression are pairs of texts.
        limits: `max_train`, `max_dev`, `max_test`, `decontaminate`, `reading` and `dev_fraction` of
            `corpus.read_folder`.

    Raises:
        DataError, ConfigError: see there; there is no such kind.
    """
    return read_folder(folder, kind_named(kind, pairs), languages, **limits)


def load_hub(name: str, kind: str, *, pairs: bool = False, **limits: Any) -> TaskCorpus:
    """Loads a data set of the hub, see `corpus.read_hub`, for a kind of task.

    Raises:
        MissingExtraError, DataError: see there.
    """
    return read_hub(name, lambda train: KINDS[kind].hub_rows(train, pairs, name), **limits)


def read_labelled(path: str | os.PathLike[str], kind: str, pairs: bool = False, labels: Sequence[str] | None = None,
                  reading: Reading = BY_CONTENT) -> list[AnyExample]:
    """Reads one labelled file of a kind of task.

    Raises:
        DataError: see the kind's reader.
    """
    return list(kind_named(kind, pairs).read(path, labels, None, reading))


def reading_of(config: DistillationConfig) -> Reading:
    """How a configuration says that files are to be read."""
    return Reading(config.tag_scheme, config.token_column, config.tag_column, config.text_column, config.label_column)


def read_unlabeled(path: str, kind: str, pairs: bool = False) -> Iterator[AnyExample]:
    """Streams the transfer text of a kind of task from what `text_files(path)` names.

    tagging: see `read_text`. Kinds that answer whole texts: a text a line, of pairs `text<TAB>text`; or labelled files,
    whose labels are not read. question_answering: SQuAD's JSON, whose answers are not read.

    Raises:
        DataError: see `text_files`; a file is faulty or empty.
    """
    return kind_named(kind, pairs).read_unlabeled(path)


def open_task(config: DistillationConfig) -> tuple[TaskCorpus, Task]:
    """Reads the labelled data of `config.task` and makes the task.

    Raises:
        DataError, ConfigError: see the readers in `corpus`.
    """
    if not config.task:
        return open_answered(config, keep(config))
    kind, corpus = kind_of(config), open_corpus(config)
    return corpus, make_task(kind, corpus.labels, **_options(config, kind, corpus))


def open_corpus(config: DistillationConfig) -> TaskCorpus:
    """Reads the labelled data of `config.task`, for a task that is there already.

    Raises:
        DataError, ConfigError: see the readers in `corpus`.
    """
    kind = kind_of(config)
    if not config.task:
        return open_answered(config, keep(config))[0]
    limits: dict[str, Any] = {"max_train": config.max_train_per_language or None,
                              "max_dev": config.max_dev_per_language or None,
                              "max_test": config.max_test_per_language or None,
                              "decontaminate": not config.keep_test_text}
    if config.task_name or config.task.startswith(HUB_PREFIX):
        _refuse_reading(config)
    if config.task_name:
        return read_glue(config.task, config.task_name, **limits)
    if config.task.startswith(HUB_PREFIX):
        return load_hub(config.task[len(HUB_PREFIX):], kind, pairs=config.do_pairwise, **limits)
    languages = listed(config.languages)
    return load_task(config.task, languages=languages or None, kind=kind, pairs=config.do_pairwise,
                     reading=reading_of(config), dev_fraction=config.dev_fraction, **limits)


def _refuse_reading(config: DistillationConfig) -> None:
    """Data that says itself how it is to be read takes no settings for it."""
    for name in ("tag_scheme", "token_column", "tag_column", "text_column", "label_column", "dev_fraction"):
        value = getattr(config, name)
        if value not in ("", "auto", 0.0):
            raise ConfigError(f"`{name}={value}` is for files of a task folder, not for data sets of the hub and GLUE. "
                              "Omit it.")


def _options(config: DistillationConfig, kind: str, corpus: TaskCorpus) -> dict[str, Any]:
    metric = config.metric or _GLUE_METRICS.get(config.task_name and glue_task(config.task_name), "")
    options: dict[str, Any] = {"main_score": metric} if metric else {}
    return options | KINDS[kind].options_from(config, corpus)


def kind_of(config: DistillationConfig) -> str:
    """The kind of task that a configuration means."""
    if not config.task and config.transfer_labels:
        return kind_answered(config)
    if config.do_NER:
        return "tagging"
    if config.task_kind != "auto":
        return config.task_kind
    if config.task_name:
        return "regression" if glue_task(config.task_name) in _GLUE_REGRESSIONS else "classification"
    folder = pathlib.Path(config.task)
    files = [folder] if folder.is_file() else sorted(folder.glob("train*.json*")) if folder.is_dir() else []
    if any(is_squad(file) for file in files):
        return "question_answering"
    return "classification"
