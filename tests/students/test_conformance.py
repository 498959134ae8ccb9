"""What every kind of student must do, see `tests/plugins/conformance/students.py`."""

from __future__ import annotations

import pytest
from conformance.students import run_student_test

from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.transformer import TransformerShape

TOP, LAYERS = ("head", "projection"), ("layer_2", "layer_1")
BERT = new_encoder(30, 8, 2, 2, max_position_embeddings=16)
FACTORISED = new_encoder(30, 8, 2, 2, embedding_size=4, max_position_embeddings=16)


@pytest.mark.parametrize("shape, groups", [
    (BiLSTMShape(30, 4, 5, 6, 3, projection_size=2, per_piece=False), (*TOP, "bilstm", "embedding")),
    (BiLSTMShape(30, 4, 5, 6, 3, freeze_word_embedding=True), (*TOP, "bilstm")),
    (CNNShape(30, 4, 5, 2, 6, 3), (*TOP, "block_2", "block_1", "embedding")),
    (CNNShape(30, 4, 5, 2, 6, 3, projection_size=4, gated=True, per_piece=False),
     (*TOP, "block_2", "block_1", "embedding")),
    (TransformerShape(BERT, 3, mapped_layers=(0, 2), teacher_width=6), (*TOP, *LAYERS, "embedding")),
    (TransformerShape(FACTORISED, 3, mapped_layers=(2,), teacher_width=8, per_piece=False),
     ("head", *LAYERS, "embedding")),
], ids=["bilstm text", "bilstm frozen", "cnn", "cnn text", "transformer", "transformer text"])
def test_student(shape, groups, tiny_tokenizer, tmp_path):
    run_student_test(shape, groups, tiny_tokenizer, tmp_path)
