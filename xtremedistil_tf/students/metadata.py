"""What a model directory says of its student, and where its forms lie, read without building it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from xtremedistil_tf.atomic import read_json
from xtremedistil_tf.config.commands import QUANTIZATIONS_OF
from xtremedistil_tf.errors import ModelLoadError, reason_of
from xtremedistil_tf.students.facts import check_facts, check_original
from xtremedistil_tf.tasks.registry import KINDS, make_task
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.training.batches import PADDED_TO

EXPORT = "export"
#: Name of the file or entry that tells how answers are chosen from logits, see `Task.decoding_facts`.
DECODING = "decoding"
_FILES = {"saved_model": "saved_model", "tflite": "tflite/token_ids_{}.tflite", "onnx": "onnx/model_{}.onnx",
          "serving": "serving", "hub": "hub/onnx/model{}.onnx",
          "mediapipe": "mediapipe/text_classifier_{}.tflite", "triton": "triton/student{}/1/model.onnx",
          "onnx_text": "onnx_text/model_{}.onnx"}
# Of the hub's, as transformers.js looks for them.
_ENDINGS = {"hub": {"none": "", "int8": "_quantized"}, "triton": {"none": "", "int8": "_int8"}}
FORMAT = 2
CONFIG_FILE = "xtremedistil-config.json"
WEIGHTS_FILE = "xtremedistil.weights.h5"


def exported_path(model_dir: pathlib.Path, form: str, quantization: str = "none") -> pathlib.Path:
    """The file or folder of a form, such as `export/tflite/token_ids_dynamic.tflite`."""
    ending = _ENDINGS[form][quantization] if form in _ENDINGS else quantization
    return pathlib.Path(model_dir) / EXPORT / _FILES[form].format(ending)


def exported_forms(model_dir: pathlib.Path) -> list[tuple[str, str]]:
    """(form, quantization) of every form in a model directory."""
    return [(form, quantization) for form, quantizations in QUANTIZATIONS_OF.items() for quantization in quantizations
            if exported_path(model_dir, form, quantization).exists()]


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else (
        path.stat().st_size)


def read_metadata(model_dir: pathlib.Path) -> dict[str, Any]:
    """The contents of `xtremedistil-config.json`.

    Raises:
        ModelLoadError: not a model directory, an unfinished one, or one of a newer format.
    """
    path = model_dir / CONFIG_FILE
    if not path.exists():
        raise ModelLoadError(f"{path}: not found. Expected `model_dir` to be a folder that a finished "
                             "distillation run wrote.")
    try:
        facts = read_json(path)
    except (ValueError, RecursionError, OSError) as error:
        raise ModelLoadError(f"{path}: not valid JSON ({error}).") from error
    if not isinstance(facts, dict):
        raise ModelLoadError(f"{path}: expected a JSON object, found another value.")
    if facts.get("format") != FORMAT and not is_original(facts):
        raise ModelLoadError(f"{path}: format {facts.get('format')}, this version reads {FORMAT}. Upgrade "
                             "xtremedistil-tf, or distil again.")
    (check_original if is_original(facts) else check_facts)(path, facts)
    return facts


def is_original(facts: Mapping[str, Any]) -> bool:
    """Whether the contents of a `xtremedistil-config.json` are the arguments of XtremeDistilTransformers."""
    return "format" not in facts and "label_list" in facts


def saved_task(facts: Mapping[str, Any]) -> Task:
    """The task of a directory that is not an original one.

    Raises:
        ModelLoadError: its labels or options are none of such a task, or not of the student.
    """
    kind, labels, options = (facts["task"][name] for name in ("kind", "labels", "options"))
    try:
        task = make_task(kind, labels, **KINDS[kind].former_options | options)
        outputs = task.num_outputs
    except Exception as error:  # whatever wrong options lead to
        raise ModelLoadError(f"{CONFIG_FILE}: the task cannot be read ({reason_of(error)}). Copy the directory again "
                             "from where it was made, or distil again.") from error
    if facts.get("student", {}).get("num_outputs", outputs) != outputs:
        raise ModelLoadError(f"{CONFIG_FILE}: the student has {facts['student']['num_outputs']} outputs, its task "
                             f"{outputs}. The files do not belong together; copy the whole directory again.")
    return task


def with_decoding(task: Task, config: Mapping[str, Any], decoding: str) -> tuple[Task, Mapping[str, Any]]:
    """A task and a run's configuration with another way to choose a tagger's tags; as they are where it is empty.

    Raises:
        ConfigError: there is no such decoding, or the task is no tagging.
    """
    if not decoding:
        return task, config
    chosen = {"decoding": decoding}
    return make_task(task.kind, task.labels, **task.options | chosen), dict(config) | chosen


def is_complete(facts: Mapping[str, Any]) -> bool:
    """Whether the file alone says all that prediction needs; else the student has to be built."""
    return not is_original(facts) and ("max_length" in facts or _encoder_type(facts) in (None, "bert", "electra"))


def longest_input(facts: Mapping[str, Any]) -> int | None:
    """Most pieces of an input, special tokens included; None: any number. Only where `is_complete`."""
    if "max_length" in facts:
        return facts["max_length"]
    if _encoder_type(facts) is None:
        return None
    positions = facts["student"]["encoder"].get("max_position_embeddings")
    if type(positions) is not int:
        raise ModelLoadError(f"{CONFIG_FILE}: student.encoder.max_position_embeddings is missing. Copy the directory "
                             "again from where it was made.")
    return positions // PADDED_TO * PADDED_TO


def vocabulary_size(facts: Mapping[str, Any]) -> int | None:
    """How many ids the student has a vector for; None where the file does not say."""
    shape = facts.get("student") or {}
    return shape.get("vocab_size") or (shape.get("encoder") or {}).get("vocab_size")


def _encoder_type(facts: Mapping[str, Any]) -> str | None:
    """Of transformers; None for a student that is none."""
    encoder = facts["student"].get("encoder")
    return encoder.get("model_type", "") if isinstance(encoder, dict) else None
