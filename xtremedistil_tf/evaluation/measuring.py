"""The measurements at the end of a run: the only place that reads the test set."""

from __future__ import annotations

import dataclasses
from typing import Any, Mapping, Sequence

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.comparison import compare, measure_student, measure_teacher, student_score, teacher_score
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.protocol import LoadedTeacher


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is measured.

    Attributes:
        teacher: fine-tuned teacher; None where there is none.
        teacher_tokenizer: its tokenizer.
        students: name in the metrics -> (student, its tokenizer); `student` is the one that retention is about.
        task: what they answer.
        seq_len: most pieces of an input of the teacher.
        seen_pieces: pieces that occur in training and transfer text.
    """

    teacher: LoadedTeacher | None
    teacher_tokenizer: Any
    students: Mapping[str, tuple[Any, Any]]
    task: Task
    seq_len: int
    seen_pieces: int


def measure(measured: Measured, examples: Sequence[AnyExample],
            extra: Mapping[str, Sequence[AnyExample]] | None = None) -> dict[str, Any]:
    """`teacher` and `retention` (where there is a teacher), and each of the students, on labelled examples.

    `extra` sets are scored too: `extra` {set: {model: main score}}.
    """
    m = measured
    metrics: dict[str, Any] = {}
    if m.teacher is not None:
        metrics["teacher"] = measure_teacher(m.teacher, m.teacher_tokenizer, examples, m.seq_len, m.seen_pieces)
    for name, (student, tokenizer) in m.students.items():
        metrics[name] = measure_student(student, tokenizer, m.task, examples, m.seq_len, m.seen_pieces)
    if m.teacher is not None:
        metrics["retention"] = compare(metrics["student"], metrics["teacher"], m.task.main_score)
    if extra:
        metrics["extra"] = {name: _main_scores(m, rows) for name, rows in extra.items()}
    return metrics


def _main_scores(m: Measured, examples: Sequence[AnyExample]) -> dict[str, float]:
    main = m.task.main_score
    found = {}
    if m.teacher is not None:
        found["teacher"] = teacher_score(m.teacher, m.teacher_tokenizer, examples, m.seq_len)[main]
    return found | {name: student_score(student, tokenizer, m.task, examples)[main]
                    for name, (student, tokenizer) in m.students.items()}
