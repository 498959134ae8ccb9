"""The rows of a store: a student's pieces, and the place of a teacher's answers among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xtremedistil_tf.batching.ragged import Column, RaggedFeatures
from xtremedistil_tf.corpus.example import AnyExample
from xtremedistil_tf.tokenization.alignment import PieceSpans, aligned_pieces, row_spans
from xtremedistil_tf.transfer.layout import ALIGNED, LOGITS

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task

Outputs = Mapping[str, np.ndarray]


class SameRows:
    """Student and teacher share a tokenizer: every answer belongs to the piece that it was given for.

    Attributes:
        features: of the student.
        teacher_features: what the teacher is run over.
    """

    def __init__(self, features: RaggedFeatures):
        self.features = self.teacher_features = features

    def place(self, index: int, answers: Outputs, columns: Mapping[str, Column], outputs: Outputs) -> None:
        """Writes the answers for an example into the store's columns."""
        pieces = slice(self.features.offsets[index], self.features.offsets[index + 1])
        for name, values in answers.items():
            outputs[name][pieces if columns[name].per_piece else index] = values


class AlignedRows:
    """The student has a tokenizer of its own: answers go to the pieces that cover the same characters.

    Pieces without a counterpart get no weight: 0 in the columns `teacher_mask`, `word_starts` and `answer_mask`.

    Args:
        task: what is answered.
        examples: the examples of the rows.
        tokenizer, features: of the student.
        teacher_tokenizer, teacher_features: of the teacher.
    """

    def __init__(self, task: Task, examples: Sequence[AnyExample], tokenizer: Any, features: RaggedFeatures,
                 teacher_tokenizer: Any, teacher_features: RaggedFeatures):
        self._task, self.teacher_features = task, teacher_features
        mask = {ALIGNED: np.ones(int(features.offsets[-1]), np.float32)}
        data = {name: values.copy() for name, values in features.data.items()} | mask
        self.features = RaggedFeatures(data, features.offsets, {**features.columns, ALIGNED: Column(np.float32)})
        self._spans = list(zip(row_spans(tokenizer, examples, features),
                               row_spans(teacher_tokenizer, examples, teacher_features)))

    def place(self, index: int, answers: Outputs, columns: Mapping[str, Column], outputs: Outputs) -> None:
        """Writes the answers for an example into the store's columns, and takes weights away."""
        pieces = slice(self.features.offsets[index], self.features.offsets[index + 1])
        student, teacher = self._spans[index]
        places = aligned_pieces(student, teacher)
        self.features.data[ALIGNED][pieces] = places >= 0
        for name, values in answers.items():
            if not columns[name].per_piece:
                outputs[name][index] = values
            elif name == LOGITS:
                outputs[name][pieces] = self._logits(values, places, student, teacher, pieces)
            else:
                outputs[name][pieces] = values[np.maximum(places, 0)]

    def _logits(self, logits: np.ndarray, places: np.ndarray, student: PieceSpans, teacher: PieceSpans,
                pieces: slice) -> np.ndarray:
        found, answered = self._task.aligned_logits(logits, places, student, teacher)
        self.features.data[self._task.answer_column][pieces] *= answered
        return found
