"""The answers of a teacher and of a student to examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.inference.keras import StudentPredictor
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher


def teacher_answers(teacher: LoadedTeacher, tokenizer: Any, examples: Sequence[AnyExample],
                    seq_len: int) -> list[Any]:
    """One prediction of its task per example, from inputs of at most `seq_len` pieces."""
    features = teacher.task.prediction_features(tokenizer, examples, seq_len)
    predictor = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64)
    return teacher.task.decode(features, predictor.logits(features.features))


def student_answers(student: Any, tokenizer: Any, task: Task, examples: Sequence[AnyExample]) -> list[Any]:
    """One prediction of the task per example."""
    return StudentPredictor(student, tokenizer, task).predict(examples)
