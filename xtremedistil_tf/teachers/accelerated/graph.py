"""A teacher as one graph with named inputs and outputs, for converters."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherSignals


def teacher_graph(teacher: LoadedTeacher, signals: TeacherSignals) -> Any:
    """A tf.function of the teacher's inputs, in order.

    Inputs are `input_ids`, `attention_mask` and, where the task has them, `token_type_ids`, int32 [batch,
    time]; the outputs are those of `LoadedTeacher.forward`.

    Args:
        teacher: of TensorFlow.
        signals: what to return.
    """
    names = ["input_ids", "attention_mask"]
    names += ["token_type_ids"] if "token_type_ids" in teacher.task.text_columns else []
    specs = [tf.TensorSpec([None, None], tf.int32, name) for name in names]
    forward = teacher.forward(signals.hidden, signals.attentions, signals.relations)

    def answers(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(forward(dict(zip(names, values))))

    return tf.function(answers, input_signature=specs)
