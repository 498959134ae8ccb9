"""Opening a student in the form that a user names."""

from __future__ import annotations

import pathlib

from xtremedistil_tf.config.export import QUANTIZATIONS_OF
from xtremedistil_tf.config.prediction import LOCAL_FORMS
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.export.layout import exported_forms, exported_path
from xtremedistil_tf.runtimes.runtime import Runtime


def open_runtime(form: str, model_dir: pathlib.Path, quantization: str = "none",
                 threads: int | None = None) -> Runtime:
    """Opens one form of the student of a model directory, importing only what that form needs.

    Args:
        form: keras, saved_model, tflite, onnx, `serving://host:port[/name]` or
            `serving+http://host:port[/name]`.
        model_dir: folder that a distillation run wrote.
        quantization: which of the form's files.
        threads: most threads; None: as many as the runtime likes.

    Raises:
        ModelLoadError: the form was not exported, or cannot be read.
        ConfigError: the form has no such quantization.
        MissingExtraError: a package that it needs is not installed.
    """
    if form not in LOCAL_FORMS:
        from xtremedistil_tf.runtimes.serving import ServingRuntime
        return ServingRuntime(form)
    if form in ("keras", "saved_model") and threads:
        limit_tensorflow(threads)
    if form == "keras":
        from xtremedistil_tf.runtimes.keras import KerasRuntime
        from xtremedistil_tf.students.model_directory import load_student
        return KerasRuntime(load_student(model_dir).student)
    check_exported(form, model_dir, quantization)
    path = exported_path(model_dir, form, quantization)
    if form == "saved_model":
        from xtremedistil_tf.runtimes.saved_model import SavedModelRuntime
        return SavedModelRuntime(path)
    if form == "tflite":
        from xtremedistil_tf.runtimes.tflite import TFLiteRuntime
        return TFLiteRuntime(path, threads=threads)
    from xtremedistil_tf.runtimes.onnx import OnnxRuntime
    return OnnxRuntime(path, threads=threads)


def check_exported(form: str, model_dir: pathlib.Path, quantization: str) -> None:
    """Raises ModelLoadError where a model directory does not have a form, with the forms that it has and the command
    that writes this one; ConfigError where there is no such quantization of it. Servers are not asked."""
    if form not in LOCAL_FORMS or form == "keras":
        return
    if quantization not in QUANTIZATIONS_OF[form]:
        raise ConfigError(f"`quantize={quantization}`: {form} is available as {', '.join(QUANTIZATIONS_OF[form])}.")
    path = exported_path(model_dir, form, quantization)
    if not path.exists():
        there = ", ".join(form if name == "none" else f"{form} ({name})" for form, name in exported_forms(model_dir))
        raise ModelLoadError(f"{path}: not found. This directory has {there or 'no exported form'}. Export it with: "
                             f"xtreme-distil export --model_dir={model_dir} --formats={form} --quantize={quantization}")


def limit_tensorflow(threads: int) -> None:
    """Raises ModelLoadError where TensorFlow is running already."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ModelLoadError(f"TensorFlow is already running and cannot be limited to {threads} threads; open the "
                             "model in a process of its own.") from error
