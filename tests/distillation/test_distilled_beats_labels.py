"""What this package is for: a student that a teacher taught beats the same student on labels alone.

Tags follow from words. The few labelled sentences show a part of the vocabulary; the teacher knows all of it and has
answered plenty of sentences.
"""

from __future__ import annotations

import numpy as np
import tf_keras

from xtremedistil_tf.distillation.runner import DistillationData, PhaseSettings, Runner
from xtremedistil_tf.distillation.schedule import phases_of
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import Split
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.batches import Column, RaggedFeatures, pad_batch

TASK = TaggingTask(["O", "B-A", "B-B"])
WORDS, TIME = 60, 8
TAG_OF = np.random.default_rng(1).integers(0, 3, WORDS + 1)


def sentences(count, column, seed, words=WORDS):
    """Sentences of the first `words` words with their tags, or a teacher's logits."""
    ids = np.random.default_rng(seed).integers(1, words + 1, (count, TIME))
    values = {"labels": TAG_OF[ids], "teacher_logits": 4 * np.eye(3, dtype=np.float32)[TAG_OF[ids]]}[column]
    columns = TASK.text_columns | {column: TASK.label_columns.get(column, Column(np.float32, (3,)))}
    rows = [{"input_ids": row, "word_starts": np.ones(TIME), column: value} for row, value in zip(ids, values)]
    source = RaggedFeatures.from_rows(rows, columns)
    return Split(source, np.arange(count - 8), np.arange(count - 8, count))


def accuracy(folder, strategy):
    """Share of right tags in sentences of all words."""
    tf_keras.utils.set_random_seed(3)
    student = new_student(CNNShape(WORDS + 1, 8, 8, 1, 0, 3, projection_size=8, dropout=0.0))
    transfer = sentences(200, "teacher_logits", 5)
    data = DistillationData(sentences(28, "labels", 6, WORDS // 3), transfer, transfer, 0)

    def settings(phase):
        return PhaseSettings(phase=phase.name, stage=phase.stage, unfrozen=phase.unfrozen, epochs=8, batch_size=16,
                             labelled_batch_size=8, patience=8, learning_rate=0.03, final_learning_rate=0.01,
                             signal=RepresentationSignal(), weights=(1.0, 0.0, 1.0), policy="float32", seed=3)

    Runner(student, TASK, data, settings, folder, "start", 5.0).run(phases_of(strategy, student.groups))
    batch = pad_batch(sentences(100, "labels", 9).source, np.arange(100), 0)
    return float(np.mean(student(batch)["logits"].numpy().argmax(-1) == batch["labels"]))


def test_a_distilled_student_beats_labels_alone(tmp_path):
    alone, distilled = (accuracy(tmp_path / strategy, strategy) for strategy in ("D0S", "logits_labels"))
    # A third of the words are labelled; of the rest, guessing gets a third right.
    assert alone < 0.75 and distilled > 0.95
