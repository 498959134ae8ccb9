"""Two small phases in a process of its own, on one replica or on two: run by test_distribution.py.

    replicas_run.py <alone | mirrored | workers> <folder of phases> <result file> [<read that kills>]
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras

from xtremedistil_tf.distillation.runner import DistillationData, PhaseSettings, Runner
from xtremedistil_tf.distillation.schedule import Phase
from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import Split
from xtremedistil_tf.errors import XtremeDistilError
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.batches import Column, RaggedFeatures
from xtremedistil_tf.training.distribution import Workers, strategy_for
from xtremedistil_tf.training.stage import seed_dropout_by_step

# The last batch of 37 by 12 has one row, fewer than there are replicas.
TRANSFER, LABELLED = 37, 20


class MortalSource:
    """Features that kill the process when they are read for the n-th time."""

    def __init__(self, features: RaggedFeatures, reads: int):
        self.features, self.left = features, reads
        self.lengths, self.columns = features.lengths, features.columns

    def read_many(self, indices):
        self.left -= len(indices)
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.features.read_many(indices)


def features(seed: int, count: int, more: dict[str, Column]) -> RaggedFeatures:
    rng = np.random.default_rng(seed)
    columns = {"input_ids": Column(np.int32), "word_starts": Column(np.float32)} | more
    rows = []
    for length in rng.integers(2, 14, count):
        row = {"input_ids": rng.integers(1, 30, length), "word_starts": rng.random(length) < 0.6}
        for name, column in more.items():
            # One label for all, so that every epoch of labels is better than the last.
            row[name] = np.zeros(length) if name == "labels" else rng.normal(size=(length, *column.shape))
        rows.append(row)
    return RaggedFeatures.from_rows(rows, columns)


def data(fatal_read: int) -> DistillationData:
    taught = features(1, TRANSFER + 5, {"teacher_logits": Column(np.float32, (3,)),
                                        "teacher_hidden": Column(np.float16, (1, 6))})
    labelled = features(2, LABELLED + 5, {"labels": Column(np.int32)})
    transfer = Split(MortalSource(taught, fatal_read) if fatal_read else taught, np.arange(TRANSFER),
                     np.arange(TRANSFER, TRANSFER + 5))
    return DistillationData(Split(labelled, np.arange(LABELLED), np.arange(LABELLED, LABELLED + 5)), transfer,
                            transfer, 0)


def settings(phase: Phase) -> PhaseSettings:
    return PhaseSettings(phase.name, phase.stage, phase.unfrozen, 2, 12, 7, 9, 1e-3, 1e-8,
                         RepresentationSignal(), (1.0, 1.0, 1.0), "float32", 5)


def masks(strategy) -> list[np.ndarray]:
    """What dropout leaves of ones, at each replica of this process."""
    with strategy.scope():
        layer = tf_keras.Sequential([tf_keras.layers.Dropout(0.5)])
        layer.build((None, 1000))
        seed_dropout_by_step(layer, tf.Variable(4, dtype=tf.int64), 1)
    kept = strategy.run(tf.function(lambda: layer(tf.ones((1, 1000)), training=True)))
    return [mask.numpy() for mask in strategy.experimental_local_results(kept)]


def main(kind: str, folder: str, result: str, fatal_read: str = "0") -> None:
    tf.config.experimental.enable_op_determinism()  # as the commands do
    if kind == "mirrored":
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    else:
        strategy = strategy_for()
    assert strategy.num_replicas_in_sync == (1 if kind == "alone" else 2)
    task = TaggingTask(["O", "B-A", "I-A"])
    with strategy.scope():
        tf_keras.utils.set_random_seed(3)
        student = new_student(BiLSTMShape(30, 4, 5, 6, 3, dropout=0.0))
        phases = [Phase("1-joint", "joint", student.groups, with_representation=True),
                  Phase("2-labels", "labels", student.groups)]
        if not Workers().chief:  # what rounding may do on another machine, and more
            student.set_weights([w + 0.01 for w in student.get_weights()])
        runner = Runner(student, task, data(int(fatal_read)), settings, pathlib.Path(folder), "start", 0.0)
        records = runner.run(phases)
    np.savez(result, *student.get_weights(), losses=[row["loss"] for record in records for row in record.history],
             best=[record.best_epoch for record in records], masks=[masks(strategy), masks(strategy)])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except XtremeDistilError as error:
        sys.exit(f"error: {error}")
