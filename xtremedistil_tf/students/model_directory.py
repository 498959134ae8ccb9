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

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.original_directory import is_original, load_original
from xtremedistil_tf.students.registry import new_student, shape_from_json
from xtremedistil_tf.tasks.registry import KINDS, make_task
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.tokenizers import load_tokenizer

FORMAT = 2
CONFIG_FILE = "xtremedistil-config.json"
WEIGHTS_FILE = "xtremedistil.weights.h5"
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
    if not decoding:
        return saved
    chosen = {"decoding": decoding}
    task = make_task(saved.task.kind, saved.task.labels, **saved.task.options | chosen)
    return dataclasses.replace(saved, task=task, config=dict(saved.config) | chosen)


def _load(model_dir: pathlib.Path) -> SavedStudent:
    facts = _read_config(model_dir)
    if is_original(facts):
        return SavedStudent(**load_original(model_dir, facts))
    student = new_student(shape_from_json(facts["student_type"], facts["student"]))
    try:
        student.load_weights(model_dir / WEIGHTS_FILE)
        tokenizer = load_tokenizer(str(model_dir))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{model_dir}: the student cannot be read ({error}). Run the distillation command "
                             "again: it rewrites the directory from its checkpoints.") from error
    kind, options = facts["task"]["kind"], facts["task"]["options"]
    former = KINDS[kind].former_options if kind in KINDS else {}
    task = make_task(kind, facts["task"]["labels"], **former | options)
    return SavedStudent(student, tokenizer, task, facts["config"], model_dir / WEIGHTS_FILE)


def _read_config(model_dir: pathlib.Path) -> dict[str, Any]:
    path = model_dir / CONFIG_FILE
    if not path.exists():
        raise ModelLoadError(f"{path}: not found. Expected --model_dir to be a folder that a finished "
                             "distillation run wrote.")
    try:
        facts = read_json(path)
    except ValueError as error:
        raise ModelLoadError(f"{path}: not valid JSON ({error}).") from error
    if facts.get("format") != FORMAT and not is_original(facts):
        raise ModelLoadError(f"{path}: format {facts.get('format')}, this version reads {FORMAT}. Upgrade "
                             "xtremedistil-tf, or distil again.")
    return facts


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
