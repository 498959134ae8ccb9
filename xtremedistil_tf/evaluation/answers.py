"""The answers of a teacher and of a student to examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.inference.keras import StudentPredictor
from xtremedistil_tf.tasks.task import PredictionFeatures, Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor
from xtremedistil_tf.teachers.protocol import LoadedTeacher


def teacher_answers(teacher: LoadedTeacher, tokenizer: Any, examples: Sequence[AnyExample], seq_len: int,
                    dev: Sequence[AnyExample] = ()) -> list[Any]:
    """One prediction of its task per example, from inputs of at most `seq_len` pieces.

    Args:
        dev: labelled examples on which the task is calibrated, see `Task.calibrated`; none: it is used as it is.
    """
    predictor, task = TeacherPredictor(teacher, (), tokenizer.pad_token_id, 64), teacher.task

    def answered(some: Sequence[AnyExample]) -> tuple[PredictionFeatures, list[np.ndarray]]:
        features = task.prediction_features(tokenizer, some, seq_len)
        return features, predictor.logits(features.features)

    calibrated = task.calibrated(dev, lambda: answered(dev)[1]) if dev else task
    return calibrated.decode(*answered(examples))


def student_answers(student: Any, tokenizer: Any, task: Task, examples: Sequence[AnyExample],
                    dev: Sequence[AnyExample] = ()) -> list[Any]:
    """One prediction of the task per example; `dev` as for `teacher_answers`."""
    if dev:
        task = StudentPredictor(student, tokenizer, task).calibrated(dev)
    return StudentPredictor(student, tokenizer, task).predict(examples)
