"""The measurements at the end of a run: the only place that reads the test set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.evaluation.answers import student_answers, teacher_answers
from xtremedistil_tf.evaluation.comparison import compare
from xtremedistil_tf.evaluation.confusion import confusion
from xtremedistil_tf.evaluation.costs import student_costs, teacher_costs
from xtremedistil_tf.evaluation.disagreements import disagreements
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
        dev: labelled examples on which the task is calibrated for each model; none: it is used as it is.
    """

    teacher: LoadedTeacher | None
    teacher_tokenizer: Any
    students: Mapping[str, tuple[Any, Any]]
    task: Task
    seq_len: int
    seen_pieces: int
    dev: Sequence[AnyExample] = ()


def measure(measured: Measured, examples: Sequence[AnyExample],
            extra: Mapping[str, Sequence[AnyExample]] | None = None) -> dict[str, Any]:
    """`teacher` and `retention` (where there is a teacher), and each of the students, on labelled examples.

    `confusion` {model: counts} of teacher and student for tasks with labels, see `evaluation.confusion`;
    where there is a teacher, `disagreements` of the two, see `evaluation.disagreements`, with `agreement`.
    `extra` sets are scored too: `extra` {set: {model: main score}}.
    """
    m = measured
    answers = _answers(m, examples)
    metrics: dict[str, Any] = {}
    if m.teacher is not None:
        costs = teacher_costs(m.teacher, m.teacher_tokenizer, m.seq_len, m.seen_pieces)
        metrics["teacher"] = m.task.scores(examples, answers["teacher"]) | costs
    for name, (student, tokenizer) in m.students.items():
        costs = student_costs(student, tokenizer, m.seq_len, m.seen_pieces)
        metrics[name] = m.task.scores(examples, answers[name]) | costs
    if m.teacher is not None:
        metrics["retention"] = compare(metrics["student"], metrics["teacher"], m.task.main_score)
    metrics |= _differences(m.task, examples, answers)
    if extra:
        metrics["extra"] = {name: _main_scores(m, rows) for name, rows in extra.items()}
    return metrics


def _answers(m: Measured, examples: Sequence[AnyExample]) -> dict[str, list[Any]]:
    """The predictions of each model, the teacher's first."""
    found = {}
    if m.teacher is not None:
        found["teacher"] = teacher_answers(m.teacher, m.teacher_tokenizer, examples, m.seq_len, m.dev)
    return found | {name: student_answers(student, tokenizer, m.task, examples, m.dev)
                    for name, (student, tokenizer) in m.students.items()}


def _differences(task: Task, examples: Sequence[AnyExample],
                 answers: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What the scores do not tell: which labels are taken for which, and where student and teacher part."""
    counts = {name: confusion(task, examples, answers[name]) for name in ("teacher", "student")
              if name in answers}
    found: dict[str, Any] = {"confusion": counts} if counts["student"] is not None else {}
    if "teacher" in answers:
        teacher, student = answers["teacher"], answers["student"]
        found["disagreements"] = {"agreement": task.agreement(teacher, student),
                                  **disagreements(task, examples, teacher, student)}
    return found


def _main_scores(m: Measured, examples: Sequence[AnyExample]) -> dict[str, float]:
    return {name: m.task.scores(examples, found)[m.task.main_score]
            for name, found in _answers(m, examples).items()}
