"""The teacher's own graph, rewritten by TensorFlow to multiply matrices in 16 bits."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from xtremedistil_tf.teachers.protocol import Forward, LoadedTeacher, TeacherSignals


def bfloat16_forward(teacher: LoadedTeacher, signals: TeacherSignals) -> Forward:
    """The teacher with bfloat16 on processors where oneDNN has it, and float16 on GPUs, the only 16 bits into
    which TensorFlow rewrites graphs there. Weights stay float32, and what is sensitive is computed in it.

    Args:
        teacher: of TensorFlow.
        signals: what to return.
    """
    forward = teacher.forward(signals.hidden, signals.attentions, signals.relations)
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    option = "auto_mixed_precision" if on_gpu else "auto_mixed_precision_onednn_bfloat16"

    def run(batch):
        with _rewriting(option):
            return forward(batch)

    return run


@contextlib.contextmanager
def _rewriting(option: str) -> Iterator[None]:
    """Graphs run inside are rewritten; the option is the whole process's, so that it is taken back after."""
    before = tf.config.optimizer.get_experimental_options().get(option, False)
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: before})
