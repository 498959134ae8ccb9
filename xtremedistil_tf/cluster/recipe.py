"""What a worker makes the teacher's predictor from, small enough to be sent to it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from xtremedistil_tf.teachers.protocol import LoadedTeacher, TeacherSignals
from xtremedistil_tf.teachers.workshop import FineTunedTeachers

if TYPE_CHECKING:
    from xtremedistil_tf.tasks.task import Task
    from xtremedistil_tf.teachers.prediction import TeacherPredictor


@dataclasses.dataclass(frozen=True)
class PredictorRecipe:
    """Makes a predictor wherever the teachers' directories are found under the same path.

    Attributes:
        teachers: fine-tuned, by their directories.
        task: what they answer.
        signals: which of their inner workings the store keeps.
        pad_id: id of the padding piece of their tokenizer.
        batch_size: most examples in a batch.
        seq_len: most pieces of an example.
    """

    teachers: FineTunedTeachers
    task: Task
    signals: TeacherSignals
    pad_id: int
    batch_size: int
    seq_len: int

    def __call__(self) -> TeacherPredictor:
        """Loads the teachers and makes their predictor."""
        return self.predictor(self.teachers.load(self.task))

    def predictor(self, teacher: LoadedTeacher) -> TeacherPredictor:
        """The predictor of a teacher that is loaded already."""
        from xtremedistil_tf.teachers.prediction import TeacherPredictor

        signals = self.signals
        return TeacherPredictor(teacher, signals.hidden, self.pad_id, self.batch_size, signals.attentions,
                                self.seq_len, signals.relations)
