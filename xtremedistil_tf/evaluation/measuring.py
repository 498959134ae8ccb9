"""The measurements at the end of a run: the only place that reads the test set."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.comparison import compare, measure_student, measure_teacher
from xtremedistil_tf.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is measured.

    Attributes:
        teacher: fine-tuned teacher.
        teacher_tokenizer, tokenizer: tokenizers of teacher and students.
        students: name in the metrics -> student; `student` is the one that retention is about.
        task: what they answer.
        seq_len: most pieces of an input of the teacher.
        seen_pieces: pieces that occur in training and transfer text.
    """

    teacher: Any
    teacher_tokenizer: Any
    tokenizer: Any
    students: Mapping[str, Any]
    task: Task
    seq_len: int
    seen_pieces: int


def measure(measured: Measured, examples: Sequence[AnyExample]) -> dict[str, Any]:
    """`teacher`, each of the students, and `retention`, on labelled examples."""
    m = measured
    metrics = {"teacher": measure_teacher(m.teacher, m.teacher_tokenizer, examples, m.seq_len, m.seen_pieces)}
    for name, student in m.students.items():
        metrics[name] = measure_student(student, m.tokenizer, m.task, examples, m.seq_len, m.seen_pieces)
    metrics["retention"] = compare(metrics["student"], metrics["teacher"], m.task.main_score)
    return metrics
