"""A teacher's logits where they answer: of each word, class, number or place, not of each piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tasks.task import Task
from xtremedistil_tf.teachers.prediction import TeacherPredictor


class TeacherAnswers:
    """Callable: examples -> logits of each, as `Quality` takes them; examples are cut as in the transfer set.

    Args:
        task: what is answered.
        tokenizer: the teacher's.
        predictor: the teacher's.
        seq_len: most pieces of an example.
    """

    def __init__(self, task: Task, tokenizer: Any, predictor: TeacherPredictor, seq_len: int):
        self._task, self._tokenizer, self._predictor, self._seq_len = task, tokenizer, predictor, seq_len

    def __call__(self, examples: Sequence[AnyExample]) -> list[np.ndarray]:
        features = self._task.text_features(self._tokenizer, examples, self._seq_len).features
        logits = self._predictor.logits(features)
        mask = self._task.answer_column
        if not mask:
            return logits
        return [rows[features.read(index)[mask] > 0] for index, rows in enumerate(logits)]
