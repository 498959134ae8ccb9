"""The folder that TensorFlow Serving reads."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING

from xtremedistil_tf.atomic import atomic_directory, atomic_file
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.serving.configs import MODELS, fixed_files, models_config
from xtremedistil_tf.export.serving.readme import readme
from xtremedistil_tf.export.serving.versions import check_name, new_version
from xtremedistil_tf.export.serving.warmup import write_warmup

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task


def export_serving(folder: str | os.PathLike[str], saved_model: str | os.PathLike[str], name: str,
                   version: int | None, warmup_texts: Sequence[AnyExample], task: Task) -> pathlib.Path:
    """Adds a version of a model to a folder for TensorFlow Serving.

    Writes `models/<name>/<version>/`, the SavedModel with warm-up requests, whole or not at all; and, where
    they are not there yet, `models.config` (an existing one gets the model added), `batching.config`,
    `monitoring.config`, `Dockerfile`, `docker-compose.yml`; and `README.md` anew.

    Args:
        folder: may hold other models and versions; versions in it are never touched.
        saved_model: folder that `export_saved_model` wrote.
        name: of the model, as clients call it.
        version: None: one more than the highest there.
        warmup_texts: examples as users will send them, at least one; the first 32 are used. They stay
            readable in the file.
        task: what the model answers.

    Returns:
        The folder of the version.

    Raises:
        ConfigError: a bad name, a version that is there, no texts, or a `models.config` that cannot be
            understood.
        ModelLoadError: no SavedModel, or one that does not answer the warm-up requests.
        MissingExtraError: tensorflow-serving-api is not installed.
    """
    folder, saved_model = pathlib.Path(folder), pathlib.Path(saved_model)
    check_name(name)
    if not (saved_model / "saved_model.pb").is_file():
        raise ModelLoadError(f"{saved_model}: no SavedModel (no saved_model.pb in it). Export that form "
                             "first.")
    versions = folder / "models" / name
    target = versions / str(new_version(versions, version))
    with atomic_directory(target) as part:
        shutil.copytree(saved_model, part, dirs_exist_ok=True)
        signatures = write_warmup(part, saved_model, name, warmup_texts)
        config = models_config(folder / MODELS, name)
    if config is not None:
        _write(folder / MODELS, config)
    for file, text in fixed_files(name).items():
        if not (folder / file).exists():
            _write(folder / file, text)
    _write(folder / "README.md", readme(name, task.kind, signatures))
    return target


def _write(path: pathlib.Path, text: str) -> None:
    with atomic_file(path) as part:
        part.write_text(text, encoding="utf-8")
