"""Opening a student in the form that a user names."""

from __future__ import annotations

import pathlib

from xtremedistil_tf.config.prediction import LOCAL_FORMS
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.layout import exported_path
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
        MissingExtraError: a package that it needs is not installed.
    """
    if form not in LOCAL_FORMS:
        from xtremedistil_tf.runtimes.serving import ServingRuntime
        return ServingRuntime(form)
    if form in ("keras", "saved_model") and threads:
        _limit_tensorflow(threads)
    if form == "keras":
        from xtremedistil_tf.runtimes.keras import KerasRuntime
        return KerasRuntime(pathlib.Path(model_dir))
    path = exported_path(model_dir, form, quantization)
    if not path.exists():
        raise ModelLoadError(f"{path}: not found. Write it with: xtreme-distil-export --model_dir={model_dir} "
                             f"--formats={form} --quantize={quantization}")
    if form == "saved_model":
        from xtremedistil_tf.runtimes.saved_model import SavedModelRuntime
        return SavedModelRuntime(path)
    if form == "tflite":
        from xtremedistil_tf.runtimes.tflite import TFLiteRuntime
        return TFLiteRuntime(path, threads=threads)
    from xtremedistil_tf.runtimes.onnx import OnnxRuntime
    return OnnxRuntime(path, threads=threads)


def _limit_tensorflow(threads: int) -> None:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise ModelLoadError(f"TensorFlow is running already and cannot be limited to {threads} threads; open the "
                             "model in a process of its own.") from error
