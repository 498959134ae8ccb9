"""Whether ONNX Runtime answers with a file as the student does.

Converters leave operations out and write graphs that no runtime loads without more than a line in their log,
so nothing is believed that was not run.
"""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import tensorflow as tf

from xtremedistil_tf.errors import ExportCheckError, ModelLoadError, reason_of
from xtremedistil_tf.export.onnx.interface import input_names
from xtremedistil_tf.runtimes.onnx import OnnxRuntime
from xtremedistil_tf.tasks.task import Task

_TIME = 12
# Of the largest logit; float32 sums in another order differ by less than 1e-5.
_TOLERANCE = 1e-3


def check_against(file: pathlib.Path, student, task: Task, pad_id: int, exact: bool) -> None:
    """Compares the logits of a batch of random pieces with rows of different lengths.

    Args:
        file: the ONNX file.
        student: what it was made from.
        task: what that answers.
        pad_id: id of the padding piece.
        exact: whether the logits must be equal; else they need only be finite.

    Raises:
        ExportCheckError: the file is invalid, cannot be run, or answers otherwise.
    """
    batch = _batch(student, task, pad_id)
    try:
        onnx.checker.check_model(str(file))
        found = OnnxRuntime(file, threads=1).forward(batch)["logits"]
    except (onnx.checker.ValidationError, ModelLoadError) as error:
        raise ExportCheckError(f"the ONNX graph of this student is not valid ({reason_of(error)}).") from error
    inputs = {name: tf.constant(values, tf.int32) for name, values in batch.items()}
    wanted = student(inputs, training=False)["logits"].numpy()
    if found.shape != wanted.shape:
        raise ExportCheckError(f"its logits have the shape {found.shape}, the student's {wanted.shape}.")
    if task.per_piece:
        found, wanted = (values[batch["attention_mask"] > 0] for values in (found, wanted))
    difference = np.abs(found - wanted).max()
    if not np.isfinite(difference) or (exact and difference > _TOLERANCE * max(1.0, np.abs(wanted).max())):
        raise ExportCheckError(f"its logits differ from the student's by {difference:.3g}.")


def _batch(student, task: Task, pad_id: int) -> dict[str, np.ndarray]:
    random, time = np.random.default_rng(0), min(_TIME, student.max_length or _TIME)
    mask = (np.arange(time) < np.array([[time], [time // 2], [1]])).astype(np.int32)
    ids = random.integers(0, student.shape.vocab_size, mask.shape, np.int32)
    second = (mask > 0) & (np.arange(time) >= time // 3)
    batch = {"input_ids": np.where(mask, ids, pad_id).astype(np.int32), "attention_mask": mask,
             "token_type_ids": second.astype(np.int32)}
    return {name: batch[name] for name in input_names(task)}
