"""The rule for words beside a model that is given token ids: as data, and as JavaScript."""

from __future__ import annotations

import os
import pathlib
from importlib import resources

from xtremedistil_tf.atomic import write_json, write_text
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.tokenization.word_vectors import words_facts

WORDS, SCRIPT = "words.json", "words.js"


def write_words(folder: str | os.PathLike[str], task: Task) -> None:
    """Writes `words.json`, see `words_facts`, and `words.js`, the rule in JavaScript; nothing for a task without words.

    Args:
        folder: where the model is.
        task: what the model answers.
    """
    if task.raw_words is not None:
        write_json(pathlib.Path(folder) / WORDS, words_facts(task.raw_words))
        write_text(pathlib.Path(folder) / SCRIPT, words_script())


def words_script() -> str:
    """The JavaScript."""
    return (resources.files(__package__) / "templates" / SCRIPT).read_text(encoding="utf-8")
