"""What every student must do, whatever its body: padding, groups, files, configuration, training."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.distillation.stages import LogitStage
from xtremedistil_tf.students.model_directory import load_student, save_student
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.training.optimizers import RowAdam
from xtremedistil_tf.training.stage import precision

LENGTHS = [9, 4, 2, 1]


def run_student_test(shape: Any, groups: Sequence[str], tokenizer: Any, folder: pathlib.Path) -> None:
    """Checks a student.

    Args:
        shape: of a student of few weights; it answers with at least three outputs.
        groups: its layer groups from the top down, without those that never train.
        tokenizer: any, to be saved with it.
        folder: an empty one.
    """
    tf_keras.utils.set_random_seed(1)
    student = _random(new_student(shape))
    _check_answers(student)
    _check_groups(student, groups)
    _check_configuration(student)
    _check_word_embeddings(student)
    _check_deployed(student)
    _check_files(student, tokenizer, folder)
    with precision("mixed_bfloat16"):
        _check_training(shape)


def _random(student: Any) -> Any:
    """The student with weights none of which is 0 or 1."""
    rng = np.random.default_rng(3)
    student.set_weights([weight + rng.normal(0, 0.3, weight.shape) for weight in student.get_weights()])
    return student


def _batch(student: Any, fill: int = 0) -> dict[str, tf.Tensor]:
    """Inputs of several lengths; `fill` is what stands behind them."""
    mask = (np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]).astype(np.int32)
    ids = np.random.default_rng(0).integers(1, student.shape.vocab_size, mask.shape)
    return {"input_ids": tf.constant(np.where(mask, ids, fill), tf.int32), "attention_mask": tf.constant(mask)}


def _logits(student: Any, fill: int = 0) -> list[np.ndarray]:
    """Of each input, without its padding."""
    found = student(_batch(student, fill))["logits"].numpy()
    return [row[:length] if student.shape.per_piece else row for row, length in zip(found, LENGTHS)]


def _check_answers(student: Any) -> None:
    batch, outputs = _batch(student), student(_batch(student))
    shape = student.shape
    time = (len(LENGTHS), max(LENGTHS))
    assert outputs["logits"].dtype == tf.float32
    assert outputs["logits"].shape == (*(time if shape.per_piece else time[:1]), shape.num_outputs)
    assert {part.shape for part in outputs["representations"]} == {(*time, shape.teacher_width)}
    logits = _logits(student)
    for other in _logits(student, fill=7), [
            student({name: values[row:row + 1, :length] for name, values in batch.items()})["logits"].numpy()[0]
            for row, length in enumerate(LENGTHS)]:
        for found, expected in zip(other, logits, strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(logits[1][0], logits[2][0])  # other pieces, another answer


def _check_groups(student: Any, groups: Sequence[str]) -> None:
    assert student.groups == student.shape.groups == tuple(groups) == sum(student.shape.blocks, ())
    frozen = getattr(student.shape, "freeze_word_embedding", False)
    found = []
    for name in groups:
        student.unfreeze([name])
        found += [id(variable) for variable in student.trainable_variables]
    assert len(found) == len(set(found)), "a variable belongs to two groups"
    missing = {id(variable) for variable in student.variables} - set(found)
    assert missing == ({id(student.word_embeddings)} if frozen else set()), "a variable belongs to no group"
    student.unfreeze(groups)
    assert {id(variable) for variable in student.trainable_variables} == set(found)


def _check_configuration(student: Any) -> None:
    again = type(student).from_config(json.loads(json.dumps(student.get_config())))
    assert again.shape == student.shape
    assert not np.allclose(_logits(again)[0], _logits(student)[0])
    again.set_weights(student.get_weights())
    _same(again, student)


def _check_word_embeddings(student: Any) -> None:
    before = student.get_weights()
    table = np.random.default_rng(0).normal(size=student.word_embeddings.shape).astype(np.float32)
    assert table.shape == (student.shape.vocab_size, student.shape.embedding_size)
    student.set_word_embeddings(table)
    np.testing.assert_array_equal(student.word_embeddings, table)
    student.set_weights(before)


def _check_deployed(student: Any) -> None:
    lean = deployed(student)
    assert lean.deployed_shape == lean.shape == student.deployed_shape
    assert len(lean.variables) <= len(student.variables)
    _same(lean, student)


def _check_files(student: Any, tokenizer: Any, folder: pathlib.Path) -> None:
    save_student(folder, student, tokenizer, _task(student.shape), {})
    saved = load_student(folder).student
    assert (saved.kind, saved.shape) == (student.kind, student.shape)
    for one, other in zip(saved.get_weights(), student.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    _same(saved, student)


def _check_training(shape: Any) -> None:
    """In mixed precision: the loss falls, what is frozen stays, everything else learns, weights remain float32."""
    tf_keras.utils.set_random_seed(1)
    student = new_student(dataclasses.replace(shape, dropout=0.0))  # masks would move the loss, too
    batch = _batch(student)
    student.unfreeze(student.groups)
    targets = 1 + np.random.default_rng(5).normal(size=student(batch)["logits"].shape)
    batch |= {"teacher_logits": tf.constant(targets, tf.float32),
              "word_starts": tf.cast(batch["attention_mask"], tf.float32)}
    with tf.GradientTape() as tape:
        outputs = student(batch, training=True)
        loss = sum(tf.reduce_sum(tf.square(tf.cast(part, tf.float32)))
                   for part in (outputs["logits"], *outputs["representations"]))
    assert all(g is not None for g in tape.gradient(loss, student.trainable_variables))
    stage = LogitStage(student, _task(shape))
    first = float(stage.test_step(batch)["loss"])
    for unfrozen, steps in ((student.groups[:-1], 8), (student.groups, 1)):
        student.unfreeze(unfrozen)
        stage.compile(optimizer=RowAdam(1e-2))
        before = [variable.numpy() for variable in student.variables]
        for _ in range(steps):
            stage.train_step(batch)
        moved = {id(v) for v, old in zip(student.variables, before) if not np.array_equal(v, old)}
        assert moved <= {id(variable) for variable in student.trainable_variables}
        for name in unfrozen:
            student.unfreeze([name])
            assert moved & {id(variable) for variable in student.trainable_variables}, f"{name} has not learned"
    assert float(stage.test_step(batch)["loss"]) < 0.9 * first
    assert student(batch)["logits"].dtype == tf.float32
    assert {weight.dtype.name for weight in student.get_weights()} == {"float32"}


def _task(shape: Any) -> Any:
    labels = ["O", *(f"B-{number}" for number in range(1, shape.num_outputs))]
    return TaggingTask(labels) if shape.per_piece else ClassificationTask(labels)


def _same(one: Any, other: Any) -> None:
    for found, expected in zip(_logits(one), _logits(other), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
