"""TensorFlow Serving: the folder that a server reads, its versions, its README and its warm-up requests."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.atomic import atomic_directory, write_text
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.corpus.files import quoted
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.export.serving_configs import METRICS_PATH, MODELS, fixed_files, models_config
from xtremedistil_tf.inference.serving.client import text_inputs
from xtremedistil_tf.process import register_text_ops
from xtremedistil_tf.tasks.registry import KINDS

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# The server keeps versions as int64.
_MAX_VERSION = 2**63 - 1
_SHOWN_TEXTS = {"texts": "Ada Lovelace lived in London", "pairs": "Ada Lovelace lived in England",
                "questions": "Where did Ada Lovelace live?", "contexts": "Ada Lovelace lived in London."}
_SHOWN_IDS = {"input_ids": [1, 2, 3], "attention_mask": [1, 1, 1], "token_type_ids": [0, 0, 0]}
WARMUP_FILE = pathlib.Path("assets.extra", "tf_serving_warmup_requests")
# The server refuses a model with more than 1000 records; a batch as large as this shows it all that matters.
_WARMUP_TEXTS = 32
# Shorter than any student takes. A graph is not compiled for shapes or values: these need not be real.
_WARMUP_PIECES = 8


def check_name(name: str) -> None:
    """Raises ConfigError if a model's name cannot stand in a URL and a folder's name."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"Model name {quoted(name)}: expected letters, digits, dots, hyphens and "
                          "underscores, the first a letter or digit.")


def versions_in(model_folder: pathlib.Path) -> list[int]:
    """The versions of a model, ascending; folders that the server would not take for one do not count."""
    if not model_folder.is_dir():
        return []
    # The server reads leading zeros as the number alone.
    return sorted(int(path.name) for path in model_folder.iterdir()
                  if path.is_dir() and path.name.isascii() and path.name.isdigit())


def new_version(model_folder: pathlib.Path, version: int | None) -> int:
    """The number of the version to write: the one asked for, else one more than the highest.

    Raises:
        ConfigError: that version is there, or is no version number.
    """
    existing = versions_in(model_folder)
    following = existing[-1] + 1 if existing else 1
    if version is None:
        version = following
    if not 1 <= version <= _MAX_VERSION:
        raise ConfigError(f"{model_folder}: version {version}, expected a whole number from 1 to "
                          f"{_MAX_VERSION}.")
    if version in existing:
        raise ConfigError(f"{model_folder}: version {version} already exists, and a version that may be served is "
                          f"never overwritten. Omit the version for the next one, {following}.")
    return version


def readme(name: str, kind: str, signatures: Mapping[str, Sequence[str]]) -> str:
    """The commands to start and ask the server.

    Args:
        name: of the model.
        kind: of the task.
        signatures: the inputs of each signature.
    """
    raw = signatures.get("raw_strings", ())
    ids = {column: [_SHOWN_IDS[column]] for column in signatures["token_ids"]}
    if raw:
        body = json.dumps({"inputs": {column: [_SHOWN_TEXTS[column]] for column in raw}})
        texts = ", ".join(json.dumps([_SHOWN_TEXTS[column]]) for column in raw)
        call = f"client.{KINDS[kind].raw_text.method}({texts})"
    else:
        body, call = json.dumps({"signature_name": "token_ids", "inputs": ids}), f"client.token_ids({ids})"
    return f"""\
# Model `{name}` for TensorFlow Serving

Every export writes this file again; the other files are yours to edit and stay as they are.

    models/{name}/<version>/   a SavedModel, with requests to warm up in assets.extra/
    models.config              which models and versions are served
    batching.config            how requests are batched
    monitoring.config          metrics for Prometheus
    Dockerfile                 an image with the models inside
    docker-compose.yml         a server that reads this folder

The warm-up requests hold texts of the data that the model was exported with.

## Start

    docker compose up -d
    curl http://localhost:8501/v1/models/{name}

## Ask by REST

    curl -d '{body}' http://localhost:8501/v1/models/{name}:predict

## Ask from Python

```python
from xtremedistil_tf.inference.serving import GrpcClient, RestClient

with RestClient("http://localhost:8501", "{name}") as client:
    print({call})
with GrpcClient("localhost:8500", "{name}") as client:  # pip install 'xtremedistil-tf[serving]'
    print({call})
```

## Metrics

    curl http://localhost:8501{METRICS_PATH}

## New versions

Export again into this folder: the next version appears complete, and the server loads it and drops the old one
without a pause. To go back, name the old version in models.config (`specific {{ versions: 1 }}` instead of
`latest`); the server looks at that file every minute.
"""


def write_warmup(version: pathlib.Path, source: pathlib.Path, name: str,
                 examples: Sequence[AnyExample]) -> dict[str, tuple[str, ...]]:
    """Writes `assets.extra/tf_serving_warmup_requests`: one text and a batch for each signature.

    Each request is answered here first: one that fails would keep the server from loading the model.

    Args:
        version: where the file goes: a copy of `source`.
        source: folder of the SavedModel.
        name: of the model, in the requests.
        examples: texts as users will send them, at least one; the first 32 are taken. They stay readable in
            the file.

    Returns:
        The names of the inputs of every signature.

    Raises:
        ModelLoadError: the SavedModel cannot be loaded, or does not answer.
        ConfigError: no example.
        MissingExtraError: tensorflow-serving-api is not installed.
    """
    import tensorflow as tf

    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError as error:
        raise MissingExtraError("tensorflow-serving-api", "serving",
                                "Export for TensorFlow Serving") from error
    if not examples:
        raise ConfigError(f"{source}: no texts for the warm-up requests, expected a few as users will "
                          "send them.")
    model = _loaded_model(source)
    (version / WARMUP_FILE).parent.mkdir(exist_ok=True)
    specs = {signature: function.structured_input_signature[1]
             for signature, function in model.signatures.items()}
    with tf.io.TFRecordWriter(str(version / WARMUP_FILE)) as writer:
        for signature, inputs in specs.items():
            for values in _warmup_inputs(inputs, examples):
                _check_answers(source, signature, model.signatures[signature], values)
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.name, request.model_spec.signature_name = name, signature
                for column, value in values.items():
                    request.inputs[column].CopyFrom(tf.make_tensor_proto(value))
                writer.write(log.SerializeToString())
    return {signature: tuple(inputs) for signature, inputs in specs.items()}


def _warmup_inputs(specs: Mapping[str, Any], examples: Sequence[AnyExample]) -> Iterator[dict[str, Any]]:
    """Tensors for one text, then for a batch."""
    import tensorflow as tf

    values: Mapping[str, Any]
    for count in (1, min(len(examples), _WARMUP_TEXTS)):
        if "input_ids" in specs:
            values = {name: np.full([count, _WARMUP_PIECES], name != "token_type_ids") for name in specs}
        else:
            values = text_inputs(examples[:count], tuple(specs))
        yield {name: tf.constant(value, specs[name].dtype) for name, value in values.items()}


def _loaded_model(source: pathlib.Path) -> Any:
    import tensorflow as tf

    register_text_ops()
    try:
        return tf.saved_model.load(str(source))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ModelLoadError(f"{source}: not a SavedModel that can be loaded ({_first_line(error)}). Export it "
                             "again.") from error


def _check_answers(source: pathlib.Path, signature: str, function: Any, values: Mapping[str, Any]) -> None:
    import tensorflow as tf

    try:
        function(**values)
    except tf.errors.OpError as error:
        raise ModelLoadError(f"{source}: signature {signature} does not answer its warm-up request "
                             f"({_first_line(error)}). Export the student again.") from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())


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
        write_text(folder / MODELS, config)
    for file, text in fixed_files(name).items():
        if not (folder / file).exists():
            write_text(folder / file, text)
    write_text(folder / "README.md", readme(name, task.kind, signatures))
    return target
