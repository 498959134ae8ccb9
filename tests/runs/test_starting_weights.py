"""Where a student's word embeddings start, against NumPy's SVD of the table they are to come from."""

from __future__ import annotations

import shutil
import types

import numpy as np
import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs.labelled_data import Vocabulary
from xtremedistil_tf.runs.starting_weights import StudentStart, checkpoint_word_embeddings, reduce_embeddings
from xtremedistil_tf.students.bilstm import BiLSTMShape

SIZE = 5


def products(table):
    """Of all words with one another: what a rotation or other signs leave as it is."""
    return table @ table.T


@pytest.fixture
def start(tmp_path, tiny_teacher_dir, tiny_tokenizer):
    """`--embedding_init` -> the table a BiLSTM starts from; the fine-tuned teacher's is `fine_tuned`."""
    fine_tuned = np.random.default_rng(0).normal(1, 1, (len(tiny_tokenizer), 32)).astype(np.float32)

    def started(init: str, checkpoint: str = str(tiny_teacher_dir)) -> np.ndarray:
        config = DistillationConfig(task="t", model_dir="m", pt_teacher_checkpoint=checkpoint, embedding_init=init)
        origin = StudentStart(config, types.SimpleNamespace(fingerprint="f", path=tiny_teacher_dir),
                              lambda: types.SimpleNamespace(word_embeddings=lambda: fine_tuned),
                              Vocabulary(tiny_tokenizer), "", None, tmp_path)
        shape = BiLSTMShape(vocab_size=len(tiny_tokenizer), embedding_size=SIZE, lstm_units=4, teacher_width=8,
                            num_outputs=3)
        return origin.student(shape).word_embeddings.numpy()

    started.fine_tuned = fine_tuned
    return started


def truncated(table):
    u, s, _ = np.linalg.svd(table, full_matrices=False)
    return u[:, :SIZE] * s[:SIZE]


def test_svd_is_that_of_the_fine_tuned_teacher(start):
    np.testing.assert_allclose(products(start("svd")), products(truncated(start.fine_tuned)), rtol=1e-3, atol=1e-3)


def test_pretrained_svd_is_that_of_the_checkpoint(start, tiny_teacher_dir):
    start("svd")  # its table, kept in the same folder, is not taken for the other one
    wanted = truncated(checkpoint_word_embeddings(str(tiny_teacher_dir)))
    np.testing.assert_allclose(products(start("pretrained_svd")), products(wanted), rtol=1e-3, atol=1e-3)


def test_pca_is_that_of_the_fine_tuned_teacher(start):
    np.testing.assert_array_equal(start("pca"), reduce_embeddings(start.fine_tuned, SIZE, "pca").table)


def test_random_has_nothing_of_either(start):
    assert np.abs(start("random")).max() < 0.2 < np.abs(start("svd")).max()


def test_of_a_trimmed_vocabulary_only_its_rows_are_kept(start, tmp_path, tiny_teacher_dir, tiny_tokenizer):
    kept, whole = np.array([0, 1, 2, 3, 4, 9, 12]), start("svd")
    config = DistillationConfig(task="t", model_dir="m", embedding_init="svd")
    folder, trimmed = tmp_path / "trimmed", types.SimpleNamespace(kept=kept)
    folder.mkdir()
    origin = StudentStart(config, types.SimpleNamespace(fingerprint="f", path=tiny_teacher_dir),
                          lambda: types.SimpleNamespace(word_embeddings=lambda: start.fine_tuned),
                          Vocabulary(tiny_tokenizer), "", trimmed, folder)
    shape = BiLSTMShape(vocab_size=len(kept), embedding_size=SIZE, lstm_units=4, teacher_width=8, num_outputs=3)
    student = origin.student(shape)
    np.testing.assert_array_equal(student.word_embeddings.numpy(), whole[kept])
    (file,) = folder.glob("*.npy")
    assert np.load(file).shape == (len(kept), SIZE)
    student.word_embeddings.assign(student.word_embeddings + 1)
    expected = whole.copy()
    expected[kept] += 1
    np.testing.assert_array_equal(origin.with_all_pieces(student, trimmed).word_embeddings.numpy(), expected)
    assert list(folder.glob("*.npy")) == [file]


def test_a_checkpoint_of_another_vocabulary_is_refused(start, tmp_path, tiny_teacher_dir, tiny_tokenizer):
    other = tmp_path / "other"
    shutil.copytree(tiny_teacher_dir, other)
    tiny_tokenizer.__class__.from_pretrained(tiny_teacher_dir, additional_special_tokens=["[X]"]).save_pretrained(other)
    with pytest.raises(ConfigError, match="different tokenizers"):
        start("pretrained_svd", str(other))
