"""What can run a teacher: TensorFlow, torch, or ONNX Runtime. Only the one that is asked for is imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import LoadedTeacher


@dataclasses.dataclass(frozen=True)
class Backend:
    """Attributes:
        load: makes a teacher for a task from a fine-tuned checkpoint.
        fine_tune: see `fine_tuning.fine_tune`; None where the backend can only predict.
    """

    load: Callable[[str, Task], LoadedTeacher]
    fine_tune: Callable[..., tuple[Any, Any]] | None


def backend_named(name: str) -> Backend:
    """The backend `tf`, `torch` or `onnx`.

    Raises:
        MissingExtraError: its packages are not installed.
    """
    return {"tf": _tf, "torch": _torch, "onnx": _onnx}[name]()


def _tf() -> Backend:
    from xtremedistil_tf.teachers.fine_tuning import fine_tune
    from xtremedistil_tf.teachers.loading import load_classifier
    from xtremedistil_tf.teachers.model import Teacher

    def load(checkpoint: str, task: Task) -> LoadedTeacher:
        return Teacher(load_classifier(checkpoint, task, 0, needs_head=True), task)

    return Backend(load, fine_tune)


def _torch() -> Backend:
    from xtremedistil_tf.teachers.torch_loading import load_torch_classifier, require_torch

    require_torch()
    from xtremedistil_tf.teachers.torch_fine_tuning import fine_tune_torch
    from xtremedistil_tf.teachers.torch_teacher import TorchTeacher

    def load(checkpoint: str, task: Task) -> LoadedTeacher:
        return TorchTeacher(load_torch_classifier(checkpoint, task, 0, needs_head=True), task)

    return Backend(load, fine_tune_torch)


def _onnx() -> Backend:
    from xtremedistil_tf.teachers.onnx_teacher import OnnxTeacher

    return Backend(OnnxTeacher, None)
