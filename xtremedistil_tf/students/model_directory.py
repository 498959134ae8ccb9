"""Writing and reading the self-contained model directory: student, tokenizer, labels, configuration."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import pathlib
import platform
import tempfile
from typing import Any, Mapping

from xtremedistil_tf.atomic import atomic_file, read_json, write_json
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.bilstm import BiLSTMShape, BiLSTMStudent

FORMAT = 1
CONFIG_FILE = "xtremedistil-config.json"
WEIGHTS_FILE = "xtremedistil.weights.h5"
_VERSIONED = ("tensorflow", "tf-keras", "transformers", "tokenizers", "numpy")


@dataclasses.dataclass(frozen=True)
class SavedStudent:
    """A student with all that prediction needs.

    Attributes:
        student: float32 student with its weights.
        tokenizer: fast tokenizer of transformers.
        labels: label names, in the order of the logits.
        config: the run's whole configuration as a dict.
    """

    student: BiLSTMStudent
    tokenizer: Any
    labels: list[str]
    config: Mapping[str, Any]


def new_student(shape: BiLSTMShape) -> BiLSTMStudent:
    """A built student under the current precision policy, with fresh weights from the global seed."""
    student = BiLSTMStudent(shape)
    student.build_variables()
    return student


def save_student(model_dir: pathlib.Path, student: BiLSTMStudent, tokenizer, labels: list[str],
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
        "format": FORMAT, "student_type": "bilstm", "student": dataclasses.asdict(student.shape),
        "labels": labels, "config": dict(config), "versions": versions()})


def load_student(model_dir: pathlib.Path) -> SavedStudent:
    """Reads a model directory.

    Raises:
        ModelLoadError: not a model directory, an unfinished one, or one of a newer format.
    """
    from transformers import AutoTokenizer

    facts = _read_config(pathlib.Path(model_dir))
    student = new_student(BiLSTMShape(**facts["student"]))
    try:
        student.load_weights(model_dir / WEIGHTS_FILE)
        tokenizer = AutoTokenizer.from_pretrained(model_dir, use_fast=True)
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{model_dir}: the student cannot be read ({error}). Run the distillation command "
                             "again: it rewrites the directory from its checkpoints.") from error
    return SavedStudent(student, tokenizer, facts["labels"], facts["config"])


def _read_config(model_dir: pathlib.Path) -> dict[str, Any]:
    path = model_dir / CONFIG_FILE
    if not path.exists():
        raise ModelLoadError(f"{path}: not found. Expected --model_dir to be a folder that a finished "
                             "distillation run wrote.")
    try:
        facts = read_json(path)
    except ValueError as error:
        raise ModelLoadError(f"{path}: not valid JSON ({error}).") from error
    if facts.get("format") != FORMAT:
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
