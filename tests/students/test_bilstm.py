"""The BiLSTM student against a NumPy forward pass, its narrow projection and its files."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from scipy.special import erf, expit

from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.model_directory import load_student, save_student
from xtremedistil_tf.students.registry import deployed, new_student
from xtremedistil_tf.tasks.tagging import TaggingTask

LABELS = ["O", "B-A", "I-A"]
SHAPE = BiLSTMShape(vocab_size=50, embedding_size=6, lstm_units=5, teacher_width=8, num_outputs=3)


@pytest.fixture
def student():
    tf_keras.utils.set_random_seed(1)
    return new_student(SHAPE)


def inputs(ids, lengths):
    mask = (np.arange(ids.shape[1]) < np.array(lengths)[:, None]).astype(np.int32)
    return {"input_ids": tf.constant(ids, tf.int32), "attention_mask": tf.constant(mask)}


def lstm(x, kernel, recurrent, bias):
    units = recurrent.shape[0]
    h = c = np.zeros(units)
    states = []
    for step in x:
        i, f, g, o = np.split(step @ kernel + h @ recurrent + bias, 4)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        states.append(h)
    return np.array(states)


def test_forward_pass_is_the_papers(student):
    ids = np.array([[7, 3, 9, 12]])
    outputs = student(inputs(ids, [4]))
    embedded = student.embedding.get_weights()[0][ids[0]]
    weights = student.bilstm.get_weights()
    states = np.concatenate([lstm(embedded, *weights[:3]), lstm(embedded[::-1], *weights[3:])[::-1]], -1)
    kernel, bias = student.projection.get_weights()
    z = states @ kernel + bias
    z = z * 0.5 * (1 + erf(z / np.sqrt(2)))
    kernel, bias = student.head.get_weights()
    np.testing.assert_allclose(outputs["representations"][0][0], z, atol=1e-5)
    np.testing.assert_allclose(outputs["logits"][0], z @ kernel + bias, atol=1e-5)


def test_one_answer_for_the_input_reads_the_last_states_of_both_directions():
    tf_keras.utils.set_random_seed(1)
    student = new_student(dataclasses.replace(SHAPE, per_piece=False))
    ids = np.array([[7, 3, 9, 12, 5], [4, 8, 0, 0, 0]])
    outputs = student(inputs(ids, [5, 2]))
    weights, (kernel, bias) = student.bilstm.get_weights(), student.projection.get_weights()
    for row, length in enumerate([5, 2]):
        embedded = student.embedding.get_weights()[0][ids[row, :length]]
        last = np.concatenate([lstm(embedded, *weights[:3])[-1], lstm(embedded[::-1], *weights[3:])[-1]])
        z = last @ kernel + bias
        z = z * 0.5 * (1 + erf(z / np.sqrt(2)))
        head_kernel, head_bias = student.head.get_weights()
        np.testing.assert_allclose(outputs["representations"][0][row, 0], z, atol=1e-5)
        np.testing.assert_allclose(outputs["logits"][row], z @ head_kernel + head_bias, atol=1e-5)


def test_whole_pieces_are_dropped_in_training_only():
    student = new_student(dataclasses.replace(SHAPE, dropout=0.0, piece_dropout=0.25))
    ids = np.random.default_rng(0).integers(1, 50, (40, 20))
    table = student.embedding.get_weights()[0][ids]
    np.testing.assert_array_equal(student._embedded(tf.constant(ids), False), table)
    seen = student._embedded(tf.constant(ids), True).numpy()
    dropped = ~seen.any(-1)
    np.testing.assert_allclose(seen[~dropped], table[~dropped] / 0.75, rtol=1e-5)
    assert 0.2 < dropped.mean() < 0.3


def test_a_narrow_projection_is_mapped_on_to_the_teachers_width_for_training_only():
    tf_keras.utils.set_random_seed(1)
    student = new_student(dataclasses.replace(SHAPE, projection_size=4))
    batch = inputs(np.array([[7, 3, 9, 12]]), [4])
    outputs, shipped = student(batch), deployed(student)
    (narrow,) = shipped(batch)["representations"]
    kernel, bias = student.to_teacher.get_weights()
    assert narrow.shape == (1, 4, 4) and kernel.shape == (4, 8)
    np.testing.assert_allclose(outputs["representations"][0], narrow.numpy() @ kernel + bias, atol=1e-6)
    np.testing.assert_array_equal(outputs["logits"], shipped(batch)["logits"])
    assert len(shipped.variables) == len(student.variables) - 2 == 11
    assert deployed(shipped).shape == shipped.shape
    student.unfreeze(["projection"])
    trained = [*student.projection.variables, *student.to_teacher.variables]
    assert {id(v) for v in student.trainable_variables} == {id(v) for v in trained}


def test_the_map_to_the_teacher_changes_no_other_first_weight():
    weights = []
    for size in (4, 0):
        tf_keras.utils.set_random_seed(1)
        shape = dataclasses.replace(SHAPE, projection_size=size, teacher_width=8 if size else 4)
        weights.append(deployed(new_student(shape)).get_weights())
    for mapped, unmapped in zip(*weights, strict=True):
        np.testing.assert_array_equal(mapped, unmapped)


def test_a_directory_without_a_projection_size_has_it_at_the_teachers_width(student, tiny_tokenizer, tmp_path):
    save_student(tmp_path, student, tiny_tokenizer, TaggingTask(LABELS), {})
    facts = json.loads((tmp_path / "xtremedistil-config.json").read_text())
    del facts["student"]["projection_size"]
    (tmp_path / "xtremedistil-config.json").write_text(json.dumps(facts))
    batch = inputs(np.array([[7, 3, 9, 12]]), [4])
    loaded = load_student(tmp_path).student
    np.testing.assert_array_equal(loaded(batch)["logits"], student(batch)["logits"])
    assert loaded(batch)["representations"][0].shape == (1, 4, 8)


def test_parameter_count_is_the_papers():
    # XtremeDistil's E=300, H=600 row is 31.8 M parameters with the pieces of its data; with all 119,547
    # pieces of mBERT the formula gives the figure below.
    shape = BiLSTMShape(1000, 300, 600, 768, 11)
    count = sum(np.prod(v.shape) for v in new_student(shape).variables)
    assert count == 1000 * 300 + 2 * 4 * (300 + 600 + 1) * 600 + (1200 + 1) * 768 + (768 + 1) * 11


def test_a_directory_that_is_none_is_named(tmp_path):
    with pytest.raises(ModelLoadError, match="xtremedistil-config.json: not found"):
        load_student(tmp_path)


def test_damaged_weights_are_named(student, tiny_tokenizer, tmp_path):
    save_student(tmp_path, student, tiny_tokenizer, TaggingTask(LABELS), {})
    weights = tmp_path / "xtremedistil.weights.h5"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(ModelLoadError, match=r"weights\.h5: cannot be read .* The file is damaged"):
        load_student(tmp_path)
