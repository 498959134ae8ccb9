"""Opening a model directory for the server."""

from __future__ import annotations

import logging
import pathlib

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.layout import exported_path
from xtremedistil_tf.export.signatures.student import RAW_STRINGS
from xtremedistil_tf.server.keras_student import raw_strings
from xtremedistil_tf.server.model import DEFAULT_SIGNATURE, ServedModel, Signature
from xtremedistil_tf.server.saved_model import load_signatures
from xtremedistil_tf.students.metadata import CONFIG_FILE
from xtremedistil_tf.students.model_directory import load_student

log = logging.getLogger(__name__)


def load_model(model_dir: pathlib.Path) -> ServedModel:
    """The directory's SavedModel if it takes raw strings, else its Keras student.

    Raises:
        ModelLoadError: not a model directory, or one that cannot be read.
    """
    exported = exported_path(model_dir, "saved_model")
    if signatures := _raw_saved_model(exported):
        return ServedModel(signatures, _labels(model_dir), str(exported))
    saved = load_student(model_dir)
    signature = raw_strings(saved)
    return ServedModel({DEFAULT_SIGNATURE: signature, RAW_STRINGS: signature}, saved.task.labels,
                       str(saved.weights_file))


def _raw_saved_model(path: pathlib.Path) -> dict[str, Signature] | None:
    if not path.is_dir():
        return None
    try:
        signatures = load_signatures(path)
    except ImportError as error:
        log.warning("%s is not used: %s", path, error)
        return None
    return signatures if RAW_STRINGS in signatures else None


def _labels(model_dir: pathlib.Path) -> list[str]:
    """The labels that the configuration names; none for the original's directories, which number them."""
    try:
        task = read_json(model_dir / CONFIG_FILE).get("task")
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ModelLoadError(f"{model_dir / CONFIG_FILE}: not valid JSON ({error}).") from error
    return task["labels"] if isinstance(task, dict) else []
