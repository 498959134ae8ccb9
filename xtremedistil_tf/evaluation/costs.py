"""What a teacher and a student cost: size and latency."""

from __future__ import annotations

from typing import Any

from xtremedistil_tf.batching.tracing import traced_once
from xtremedistil_tf.evaluation.latency import count_parameters, latency, model_size
from xtremedistil_tf.teachers.protocol import LoadedTeacher


def teacher_costs(teacher: LoadedTeacher, tokenizer: Any, seq_len: int, seen_pieces: int) -> dict[str, Any]:
    """`model_size` and `latency` on inputs of `seq_len` pieces, which is noted beside the times."""
    rows, width = teacher.word_embeddings().shape
    size = model_size(teacher.parameters, rows, width, seen_pieces)
    forward = teacher.forward()
    times = latency(lambda batch: forward(batch)["logits"], len(tokenizer), seq_len)
    return size | {"latency": times | {"seq_len": seq_len}}


def student_costs(student: Any, tokenizer: Any, seq_len: int, seen_pieces: int) -> dict[str, Any]:
    """As `teacher_costs`, of a student."""
    rows, width = student.word_embeddings.shape
    size = model_size(count_parameters(student), rows, width, min(rows, seen_pieces))
    forward = traced_once(lambda batch: student(batch, training=False)["logits"])
    times = latency(forward, len(tokenizer), seq_len)
    return size | {"latency": times | {"seq_len": seq_len}}
