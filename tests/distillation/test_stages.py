"""Stages: their losses, and that what is frozen does not move."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.distillation.signals import RepresentationSignal
from xtremedistil_tf.distillation.stages import JointStage, JointWeights, LabelStage, LogitStage, RepresentationStage
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.losses import label_loss, logit_loss, representation_kl, representation_mse
from xtremedistil_tf.training.optimizers import RowAdam

TASK = TaggingTask(["O", "B-A", "I-A"])
GROUPS = ("head", "projection", "bilstm", "embedding")


@pytest.fixture
def student():
    tf_keras.utils.set_random_seed(2)
    return new_student(BiLSTMShape(30, 4, 5, 6, 3, dropout=0.0))


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return {"input_ids": tf.constant(rng.integers(1, 30, (4, 7)), tf.int32),
            "attention_mask": tf.constant(np.arange(7) < rng.integers(2, 8, (4, 1)), tf.int32),
            "word_starts": tf.constant(rng.random((4, 7)) < 0.5, tf.float32),
            "labels": tf.constant(rng.integers(0, 3, (4, 7)), tf.int32),
            "teacher_logits": tf.constant(rng.normal(size=(4, 7, 3)), tf.float32),
            "teacher_hidden": tf.constant(rng.normal(size=(4, 7, 1, 6)), tf.float16)}


def stages(student):
    return {"representation": RepresentationStage(student, TASK, RepresentationSignal("kl")),
            "mse": RepresentationStage(student, TASK, RepresentationSignal("mse")),
            "logits": LogitStage(student, TASK), "labels": LabelStage(student, TASK)}


def test_losses_are_the_formulas_on_the_right_tokens(student, batch):
    outputs = student(batch)
    mask = tf.cast(batch["attention_mask"], tf.float32)
    states = batch["teacher_hidden"][:, :, 0], outputs["representations"][0]
    expected = {"representation": representation_kl(*states, mask),
                "mse": representation_mse(*states, mask),
                "logits": logit_loss(batch["teacher_logits"], outputs["logits"], batch["word_starts"]),
                "labels": label_loss(batch["labels"], outputs["logits"], batch["word_starts"])}
    for name, stage in stages(student).items():
        assert float(stage.test_step(batch)["loss"]) == pytest.approx(float(expected[name]), rel=1e-5)


def test_stage_1_compares_what_a_narrow_projection_is_mapped_to(batch):
    student = new_student(BiLSTMShape(30, 4, 5, 6, 3, dropout=0.0, projection_size=2))
    stage = RepresentationStage(student, TASK, RepresentationSignal("mse"))
    student.unfreeze(GROUPS[1:])
    stage.compile(optimizer=RowAdam(1e-2))
    first, losses = student.to_teacher.kernel.numpy(), [float(stage.train_step(batch)["loss"]) for _ in range(10)]
    assert losses[-1] < losses[0] and np.abs(student.to_teacher.kernel.numpy() - first).min() > 0


def test_joint_loss_is_the_weighted_sum(student, batch):
    stage = JointStage(student, TASK, JointWeights(label=2.0, representation=10.0, logit=0.5),
                       RepresentationSignal())
    losses = {k: float(v) for k, v in stage.test_step({"labelled": batch, "transfer": batch}).items()}
    single = {name: float(s.test_step(batch)["loss"]) for name, s in stages(student).items()}
    assert losses["loss"] == pytest.approx(
        2 * single["labels"] + 10 * single["representation"] + 0.5 * single["logits"], rel=1e-5)
    assert "representation_loss" not in JointStage(student, TASK, JointWeights(), RepresentationSignal()).test_step(
        {"labelled": batch, "transfer": batch})


@pytest.mark.parametrize("stage_name, unfrozen", [
    ("representation", GROUPS[1:]), ("logits", GROUPS[:1]), ("logits", GROUPS[:2]), ("logits", GROUPS[:3]),
    ("logits", GROUPS), ("labels", GROUPS[:1]), ("labels", GROUPS)])
def test_only_unfrozen_groups_move(student, batch, stage_name, unfrozen):
    student.unfreeze(unfrozen)
    stage = stages(student)[stage_name]
    stage.compile(optimizer=RowAdam(1e-2))
    before = {name: layers[0].get_weights() for name, layers in student.layer_groups.items()}
    for _ in range(3):
        stage.train_step(batch)
    for name, layers in student.layer_groups.items():
        moved = any(not np.array_equal(a, b) for a, b in zip(before[name], layers[0].get_weights()))
        assert moved == (name in unfrozen), name


def test_a_frozen_group_costs_no_backward_time(student, batch):
    """Both LSTMs are one loop in the graph of a step, and another for their gradients; frozen, only the first."""
    def loops(unfrozen):
        student.unfreeze(unfrozen)
        stage = LogitStage(student, TASK)
        stage.compile(optimizer=RowAdam(1e-2))
        stage.optimizer.build(stage.trainable_variables)
        graph = tf.function(stage.train_step).get_concrete_function(batch).graph.as_graph_def()
        return sum(node.op in ("While", "StatelessWhile") for node in graph.node)

    assert loops(GROUPS[:1]) == loops(GROUPS[:2]) == 1
    assert loops(GROUPS[:3]) == 2


@pytest.mark.parametrize("task, per_piece", [(TASK, True), (ClassificationTask(["a", "b", "c"]), False)])
@pytest.mark.parametrize("shape", [BiLSTMShape(30, 4, 5, 6, 3, dropout=0.0), CNNShape(30, 4, 5, 2, 6, 3, dropout=0.0)])
@pytest.mark.parametrize("empty", [False, True])
def test_answers_that_no_loss_reads_change_nothing(batch, task, per_piece, shape, empty):
    tf_keras.utils.set_random_seed(2)
    student = new_student(dataclasses.replace(shape, per_piece=per_piece))
    if empty:
        batch["word_starts"] = tf.zeros_like(batch["word_starts"])
    if not per_piece:
        batch = batch | {"labels": batch["labels"][:, 0], "teacher_logits": batch["teacher_logits"][:, 0]}
    for stage, loss_of in ((LogitStage(student, task), task.logit_loss), (LabelStage(student, task), task.label_loss)):
        variables = stage.trainable_variables
        with tf.GradientTape() as tape:
            loss = stage.losses_of(batch, training=True)["loss"]
        found = tape.gradient(loss, variables)
        with tf.GradientTape() as tape:
            whole = loss_of(batch, student(batch)["logits"])
        assert float(loss) == pytest.approx(float(whole), rel=1e-5)
        for mine, theirs in zip(found, tape.gradient(whole, variables)):
            np.testing.assert_allclose(tf.convert_to_tensor(mine), tf.convert_to_tensor(theirs), atol=1e-5)


def test_a_tagger_projects_only_first_pieces_of_words(student, batch):
    rows = []
    student.head.call = lambda states, call=student.head.call: rows.append(len(states)) or call(states)
    stage = LogitStage(student, TASK)
    stage.losses_of(batch, training=True)
    stage.losses_of(batch, training=False)
    assert rows == [int(tf.reduce_sum(batch["word_starts"])), len(batch["word_starts"])]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_losses_and_weights_in_float32(batch, policy):
    from xtremedistil_tf.training.stage import precision

    with precision(policy):
        student = new_student(BiLSTMShape(30, 4, 5, 6, 3))
        stage = LabelStage(student, TASK)
        stage.compile(optimizer=RowAdam(1e-2))
        first = float(stage.train_step(batch)["loss"])
        for _ in range(10):
            losses = stage.train_step(batch)
    assert losses["loss"].dtype == tf.float32
    assert float(losses["loss"]) < first
    assert {w.dtype.name for w in student.get_weights()} == {"float32"}


def test_dropout_is_for_training_only(batch):
    tf_keras.utils.set_random_seed(2)
    student = new_student(BiLSTMShape(30, 4, 5, 6, 3, dropout=0.5))
    for stage in stages(student).values():
        losses = [float(stage.losses_of(batch, training)["loss"]) for training in (True, True, False, False)]
        assert losses[0] != losses[1] and losses[2] == losses[3] != losses[0]
