"""Writing and reading the self-contained model directory: student, tokenizer, labels, configuration."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import tempfile
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.atomic import atomic_file, write_json
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.metadata import (
    CONFIG_FILE,
    FORMAT,
    WEIGHTS_FILE,
    is_original,
    read_metadata,
    saved_task,
    with_decoding,
)
from xtremedistil_tf.students.original_directory import load_original
from xtremedistil_tf.students.registry import new_student, shape_from_json
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.tokenizers import load_tokenizer

_VERSIONED = ("tensorflow", "tf-keras", "transformers", "tokenizers", "numpy")


@dataclasses.dataclass(frozen=True)
class SavedStudent:
    """A student with all that prediction needs.

    Attributes:
        student: float32 student with its weights.
        tokenizer: fast tokenizer of transformers.
        task: what it answers, with its labels.
        config: the run's whole configuration as a dict.
        weights_file: file that the weights came from.
    """

    student: Any
    tokenizer: Any
    task: Task
    config: Mapping[str, Any]
    weights_file: pathlib.Path


def save_student(model_dir: pathlib.Path, student: Any, tokenizer: Any, task: Task,
                 config: Mapping[str, Any]) -> None:
    """Writes the model directory; the configuration is last, so a directory with it is whole."""
    model_dir.mkdir(parents=True, exist_ok=True)
    with atomic_file(model_dir / WEIGHTS_FILE) as part:
        student.save_weights(part)
    with tempfile.TemporaryDirectory(prefix=".part-tokenizer-", dir=model_dir) as part:
        for file in tokenizer.save_pretrained(part):
            if os.path.exists(file):
                os.replace(file, model_dir / os.path.basename(file))
    write_json(model_dir / CONFIG_FILE, {
        "format": FORMAT, "student_type": student.kind, "student": dataclasses.asdict(student.shape),
        "max_length": student.max_length,
        "task": {"kind": task.kind, "labels": task.labels, "options": task.options},
        "config": dict(config), "versions": versions()})


def load_student(model_dir: pathlib.Path, decoding: str = "") -> SavedStudent:
    """Reads a model directory, also one that XtremeDistilTransformers wrote.

    Args:
        model_dir: folder that a distillation run wrote.
        decoding: `legal` or `argmax`, how a tagger's tags are chosen, see `TaggingTask`; empty: as the directory
            says, argmax where it says nothing.

    Raises:
        ModelLoadError: not a model directory, an unfinished one, or one of a newer format.
        ConfigError: there is no such decoding, or the student is no tagger.
    """
    saved = _load(pathlib.Path(model_dir))
    task, config = with_decoding(saved.task, saved.config, decoding)
    return dataclasses.replace(saved, task=task, config=config)


def _load(model_dir: pathlib.Path) -> SavedStudent:
    facts = read_metadata(model_dir)
    if is_original(facts):
        return SavedStudent(**load_original(model_dir, facts))
    student = new_student(shape_from_json(facts["student_type"], facts["student"]))
    try:
        student.load_weights(model_dir / WEIGHTS_FILE)
        tokenizer = load_tokenizer(str(model_dir))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{model_dir}: the student cannot be read ({error}). Run the distillation command "
                             "again: it rewrites the directory from its checkpoints.") from error
    return SavedStudent(student, tokenizer, saved_task(facts), facts["config"], model_dir / WEIGHTS_FILE)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
