"""Reading the data of a kind of task by the name of the kind: task folders, data sets of the hub, single files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from xtremedistil_tf.corpus import TaskCorpus, read_folder, read_hub
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.kinds import Kind
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.tasks.registry import KINDS


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
        limits: `max_train`, `max_dev`, `max_test` and `decontaminate` of `corpus.read_folder`.

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


def read_labelled(path: str | os.PathLike[str], kind: str, pairs: bool = False,
                  labels: Sequence[str] | None = None) -> list[AnyExample]:
    """Reads one labelled file of a kind of task.

    Raises:
        DataError: see the kind's reader.
    """
    return list(kind_named(kind, pairs).read(path, labels, None))


def read_unlabeled(path: str, kind: str, pairs: bool = False) -> Iterator[AnyExample]:
    """Streams the transfer text of a kind of task from what `text_files(path)` names.

    tagging: see `read_text`. Kinds that answer whole texts: a text a line, of pairs `text<TAB>text`; or labelled files,
    whose labels are not read. question_answering: SQuAD's JSON, whose answers are not read.

    Raises:
        DataError: see `text_files`; a file is faulty or empty.
    """
    return kind_named(kind, pairs).read_unlabeled(path)
