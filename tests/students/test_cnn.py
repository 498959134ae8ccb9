"""The convolutional student against a NumPy forward pass, and its sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy.special import erf, expit

from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student

LABELS = ["O", "B-A", "I-A"]
SHAPE = CNNShape(vocab_size=50, embedding_size=6, channels=5, num_blocks=5, teacher_width=8, num_outputs=3,
                 projection_size=4)
IDS, LENGTHS = np.random.default_rng(0).integers(1, 50, (4, 40)), [40, 17, 2, 1]


def student_of(shape):
    """A student none of whose weights is 0 or 1."""
    tf_keras.utils.set_random_seed(1)
    student, rng = new_student(shape), np.random.default_rng(3)
    student.set_weights([w + rng.normal(0, 0.3, w.shape).astype(np.float32) for w in student.get_weights()])
    return student


def inputs(ids, lengths):
    mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int32)
    return {"input_ids": tf.constant(ids, tf.int32), "attention_mask": tf.constant(mask)}


def dense(layer, x):
    kernel, bias = layer.get_weights()
    return x @ kernel + bias


def block(layer, x, dilation, gated):
    """One input [time, channels] without padding."""
    kernel, bias = layer.convolution.get_weights()
    new = np.tile(bias, (len(x), 1))
    for tap, weights in enumerate(np.split(kernel, 3)):
        for step in range(len(x)):
            source = step + (tap - 1) * dilation
            if 0 <= source < len(x):
                new[step] += x[source] @ weights
    new = new[:, :x.shape[1]] * expit(new[:, x.shape[1]:]) if gated else np.maximum(new, 0)
    gain, offset = layer.normalization.get_weights()
    y = x + new
    return (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + 1e-5) * gain + offset


def expected(student, ids):
    """(projected, logits) of one input without padding."""
    shape = student.shape
    x = dense(student.widen, student.word_embeddings.numpy()[ids])
    for number, dilation in enumerate((1, 2, 4, 8, 1), 1):
        x = block(student.layer_groups[f"block_{number}"][0], x, dilation, shape.gated)
    if not shape.per_piece:
        x = np.concatenate([dense(student.pooling, np.concatenate([x.max(0), x.mean(0)]))[None], x[1:]])
    z = dense(student.projection, x)
    z = z * 0.5 * (1 + erf(z / np.sqrt(2)))
    return z, dense(student.head, z if shape.per_piece else z[0])


@pytest.mark.parametrize("per_piece", [True, False])
@pytest.mark.parametrize("gated", [False, True])
def test_forward_pass_is_the_formula_and_padding_changes_nothing(gated, per_piece):
    student = student_of(dataclasses.replace(SHAPE, gated=gated, per_piece=per_piece))
    outputs = student(inputs(IDS, LENGTHS))
    assert outputs["representations"][0].shape == (4, 40, 8)
    for row, length in enumerate(LENGTHS):
        projected, logits = expected(student, IDS[row, :length])
        found = outputs["logits"][row, :length] if per_piece else outputs["logits"][row]
        np.testing.assert_allclose(found, logits, atol=2e-4)
        np.testing.assert_allclose(outputs["representations"][0][row, :length],
                                   dense(student.to_teacher, projected), atol=2e-4)


def test_a_piece_reads_as_far_as_the_dilations_sum_up_to():
    student = student_of(dataclasses.replace(SHAPE, num_blocks=4))
    one = IDS[:1]
    other = one.copy()
    other[0, 20] = one[0, 20] % 49 + 1
    logits = [student(inputs(ids, [40]))["logits"].numpy()[0] for ids in (one, other)]
    changed = np.flatnonzero(np.abs(logits[0] - logits[1]).max(-1) > 0)
    assert (changed.min(), changed.max()) == (20 - 15, 20 + 15 if 20 + 15 < 40 else 39)


@pytest.mark.parametrize("gated", [False, True])
def test_parameter_count_is_the_formulas(gated):
    shape = CNNShape(1000, 50, 128, 6, 0, 11, gated=gated, projection_size=64)
    count = sum(np.prod(v.shape) for v in new_student(shape).variables)
    each = (3 * 128 + 1) * 128 * (1 + gated) + 2 * 128
    assert count == 1000 * 50 + 51 * 128 + 6 * each + 129 * 64 + 65 * 11
