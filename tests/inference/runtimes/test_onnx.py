"""OnnxRuntime answers examples as the Keras student does."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import MissingExtraError, ModelLoadError
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.inference.predictor import Predictor, StudentPredictor
from xtremedistil_tf.inference.runtimes import OnnxRuntime
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

LONG = " ".join(random.Random(0).choices("the old house near wien and oslo left".split(), k=60))
TEXTS = ["anna met boris in paris .", "москва", LONG, "göran left ,", "", "left"]
TASKS = {"tagging": (TaggingTask(["O", "B-LOC", "I-LOC"]), [Example(tuple(text.split())) for text in TEXTS]),
         "classification": (ClassificationTask(["bad", "good"]), [TextExample(text) for text in TEXTS]),
         "regression": (RegressionTask(), [TextExample(*pair) for pair in zip(TEXTS, TEXTS[::-1])]),
         "question_answering": (QuestionAnsweringTask(), [QuestionExample("", *pair)
                                                          for pair in zip(TEXTS[::-1], TEXTS)])}


@pytest.fixture(scope="module")
def make(tmp_path_factory, tiny_tokenizer):
    """A random student and its file."""
    def made(task):
        tf_keras.utils.set_random_seed(4)
        student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 6, 10, task.num_outputs,
                                          per_piece=task.per_piece))
        for variable in student.variables:
            variable.assign(tf.random.normal(variable.shape, stddev=0.5))
        path = tmp_path_factory.mktemp("onnx") / "m.onnx"
        return student, export_onnx(path, student, tiny_tokenizer, task, "none")

    return made


def numbers(prediction) -> np.ndarray:
    """What of a prediction is a number; tags and answers are compared as they are."""
    return np.asarray(getattr(prediction, "probabilities", prediction), float)


@pytest.mark.parametrize("threads", [None, 1])
@pytest.mark.parametrize("kind", TASKS)
def test_examples(make, tiny_tokenizer, kind, threads):
    task, examples = TASKS[kind]
    student, path = make(task)
    runtime = OnnxRuntime(path, threads=threads)
    predictor = Predictor(runtime.forward, tiny_tokenizer, task, student.max_length, batch_size=4)
    found = predictor.predict(examples)
    wanted = StudentPredictor(student, tiny_tokenizer, task).predict(examples)
    if kind == "tagging":
        assert found == wanted and found[0] and found[4] == []
    elif kind == "question_answering":
        assert [(a.text, a.start, a.end) for a in found] == [(a.text, a.start, a.end) for a in wanted]
        assert [a.score for a in found] == pytest.approx([a.score for a in wanted], abs=1e-5)
    else:
        found, wanted = ([numbers(one) for one in answers] for answers in (found, wanted))
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_columns_that_the_file_does_not_take_are_left_out(make):
    student, path = make(TASKS["tagging"][0])
    ids = tf.constant([[5, 6, 7], [8, 0, 0]])
    batch = {"input_ids": ids, "attention_mask": tf.cast(ids > 0, tf.int32), "word_starts": tf.ones([2, 3])}
    found = OnnxRuntime(path).forward(batch)
    assert set(found) == {"logits"} and found["logits"].dtype == np.float32
    np.testing.assert_allclose(found["logits"][:, 0], student(batch)["logits"][:, 0], atol=1e-5)


def test_no_file(tmp_path):
    with pytest.raises(ModelLoadError, match="m.onnx: ONNX Runtime cannot load it.*Export the student again"):
        OnnxRuntime(tmp_path / "m.onnx")


def test_another_kind_of_file(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelLoadError, match="m.onnx: ONNX Runtime cannot load it"):
        OnnxRuntime(tmp_path / "m.onnx")


def test_a_batch_that_cannot_be_run(make):
    _, path = make(TASKS["tagging"][0])
    ids = np.full((1, 2), 10**6)
    with pytest.raises(ModelLoadError, match=r"cannot run a batch of shape \(1, 2\)"):
        OnnxRuntime(path).forward({"input_ids": ids, "attention_mask": np.ones_like(ids)})


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"`onnxruntime`.*xtremedistil-tf\[onnx\]"):
        OnnxRuntime(tmp_path / "m.onnx")
