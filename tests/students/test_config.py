"""Students by Keras's own means: `get_config` and `from_config`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape

SHAPES = {"bilstm": BiLSTMShape(30, 4, 5, 6, 3, projection_size=2, dropout=0.3),
          "cnn": CNNShape(30, 4, 5, 2, 6, 3, per_piece=False),
          "transformer": TransformerShape(new_encoder(30, 16, 1, 2, 32, 16, 16), 3, dropout=0.3)}


@pytest.mark.parametrize("kind", SHAPES)
def test_a_student_from_its_configuration_answers_alike_with_its_weights(kind):
    tf_keras.utils.set_random_seed(1)
    student = new_student(SHAPES[kind])
    again = type(student).from_config(json.loads(json.dumps(student.get_config())))
    batch = {"input_ids": tf.constant([[1, 2, 3], [4, 5, 0]]), "attention_mask": tf.constant([[1, 1, 1], [1, 1, 0]])}
    expected = student(batch)["logits"].numpy()
    assert not np.allclose(again(batch)["logits"], expected)
    again.set_weights(student.get_weights())
    np.testing.assert_array_equal(again(batch)["logits"], expected)
    assert again.shape == student.shape
