"""The TensorFlow Lite runtime answers batches as the Keras student does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.tflite import export_tflite, write_tflite
from xtremedistil_tf.inference.predictor import Predictor, StudentPredictor
from xtremedistil_tf.inference.runtimes import TFLiteRuntime
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.tagging import TaggingTask

EXAMPLES = {
    "tagging": [Example(tuple(text.split()))
                for text in ("anna met boris", "москва", "the old house . " * 9, "")],
    "classification": [TextExample("anna met boris"), TextExample("oslo", "lima near paris"),
                       TextExample("")],
    "question_answering": [QuestionExample("", "the house", "anna saw the old house near oslo")]}
TASKS = {"tagging": TaggingTask(["O", "B-LOC", "B-PER"]),
         "classification": ClassificationTask(["bad", "good"]),
         "question_answering": QuestionAnsweringTask()}


@pytest.fixture(scope="module", params=TASKS)
def exported(request, tmp_path_factory, tiny_tokenizer):
    tf_keras.utils.set_random_seed(4)
    task = TASKS[request.param]
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs,
                                      per_piece=task.per_piece))
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.5))
    folder = tmp_path_factory.mktemp("tflite")
    return task, student, export_tflite(folder, student, tiny_tokenizer, task, "none")


@pytest.fixture(params=["LiteRT", "TensorFlow"])
def runtime(request, exported, monkeypatch):
    if request.param == "TensorFlow":
        monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    runtime = TFLiteRuntime(exported[2], threads=1)
    module = "ai_edge_litert" if request.param == "LiteRT" else "tensorflow"
    assert type(runtime._interpreter).__module__.startswith(module)
    yield runtime
    runtime.close()


def test_predictions(runtime, exported, tiny_tokenizer):
    task, student, _ = exported
    found = Predictor(runtime.forward, tiny_tokenizer, task, None, batch_size=2).predict(EXAMPLES[task.kind])
    expected = StudentPredictor(student, tiny_tokenizer, task).predict(EXAMPLES[task.kind])
    for one, other in zip(found, expected, strict=True):
        if task.kind == "tagging":
            assert one == other
        elif task.kind == "classification":
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)
        else:
            assert (one.text, one.start, one.end) == (other.text, other.start, other.end)
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_logits_of_a_batch(runtime, exported):
    task, student, _ = exported
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], np.int32)
    batch = {"input_ids": np.arange(12, dtype=np.int32).reshape(3, 4) + 1, "attention_mask": mask,
             "token_type_ids": np.zeros((3, 4), np.int32)}
    found, expected = runtime.forward(batch)["logits"], student(batch)["logits"].numpy()
    assert found.shape == expected.shape and found.dtype == np.float32
    if task.per_piece:
        assert not found[mask == 0].any()
        found, expected = found[mask == 1], expected[mask == 1]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_is_no_tflite_file(tmp_path):
    with pytest.raises(ModelLoadError, match="missing.tflite: not a TensorFlow Lite file"):
        TFLiteRuntime(tmp_path / "missing.tflite")
    (tmp_path / "text.tflite").write_text("no model at all, but long enough to be looked into")
    with pytest.raises(ModelLoadError, match="text.tflite: not a TensorFlow Lite file"):
        TFLiteRuntime(tmp_path / "text.tflite")


def test_a_file_of_another_signature(tmp_path):
    function = tf.function(lambda x: {"y": x + 1}, input_signature=[tf.TensorSpec([1], tf.float32, "x")])
    write_tflite(tmp_path / "other.tflite", tf.Module(), "increment", function.get_concrete_function(),
                 "none")
    with pytest.raises(ModelLoadError, match="no signature token_ids, only increment"):
        TFLiteRuntime(tmp_path / "other.tflite")
