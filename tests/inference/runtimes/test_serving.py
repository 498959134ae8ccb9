"""A student on a server answers as its SavedModel does here."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from model_server import ModelServer

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.inference.serving.answering import ServingRuntime
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TASKS = {"tagging": TaggingTask(["O", "B-LOC", "I-LOC"]), "classification": ClassificationTask(["bad", "good"]),
         "regression": RegressionTask(), "question_answering": QuestionAnsweringTask()}


def save(path, task) -> None:
    """A model with the `token_ids` signature of a task, whose logits are a formula."""
    names = ["input_ids", "attention_mask"] + (["token_type_ids"] if task.kind != "tagging" else [])

    def answer(**inputs):
        logits = expected(inputs, task, tf.cast, tf.reduce_sum, tf.float32)
        if task.kind == "regression":
            return {"scores": logits[:, 0]}
        if task.kind == "question_answering":
            return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}
        return {"logits": logits, "label_ids": tf.argmax(logits, -1, tf.int32)}

    module = tf.Module()
    module.answer = tf.function(answer)
    specs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in names}
    tf.saved_model.save(module, str(path), signatures={"token_ids": module.answer.get_concrete_function(**specs)})


def expected(inputs, task, cast, total, float32):
    """The formula, in TensorFlow or NumPy."""
    values = cast(inputs["input_ids"] * inputs["attention_mask"] + 3 * inputs.get("token_type_ids", 0), float32)
    logits = values[..., None] / (1.0 + np.arange(task.num_outputs, dtype=np.float32))
    return logits if task.per_piece else total(logits, 1)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A server with a model `<kind>` for each kind, and one named as the export command names it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("no_proxy", "127.0.0.1")
    patch.setenv("NO_PROXY", "127.0.0.1")
    with ModelServer() as server:
        for kind, task in TASKS.items():
            path = tmp_path_factory.mktemp(kind) / "m"
            save(path, task)
            server.served.add(kind, 1, path)
        server.served.add("xtremedistil", 1, path)
        yield server
    patch.undo()


@pytest.fixture(params=["serving://127.0.0.1:{0.grpc_port}", "serving+http://127.0.0.1:{0.rest_port}"],
                ids=["grpc", "rest"])
def address(request, running):
    return request.param.format(running)


def batch(task) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(1).integers(1, 90, (3, 7)).astype(np.int32)
    lengths = np.array([[7], [2], [5]])
    found = {"input_ids": ids, "attention_mask": (np.arange(7) < lengths).astype(np.int32),
             "word_starts": np.ones([3, 7], np.float32)}
    return found | ({"token_type_ids": ids % 2} if task.kind != "tagging" else {})


@pytest.mark.parametrize("kind", TASKS)
def test_logits(address, kind):
    runtime = ServingRuntime(f"{address}/{kind}", task=TASKS[kind])
    inputs = batch(TASKS[kind])
    found = runtime.forward({name: tf.constant(value) for name, value in inputs.items()})
    runtime.close()
    assert list(found) == ["logits"] and found["logits"].dtype == np.float32
    wanted = expected(inputs, TASKS[kind], np.ndarray.astype, np.sum, np.float32)
    np.testing.assert_allclose(found["logits"], wanted, rtol=1e-6)


def test_predictions_of_examples(address, tiny_tokenizer):
    """The protocol as `Predictor` uses it: the number is the sum of the pieces' ids and types."""
    task = TASKS["regression"]
    runtime = ServingRuntime(address, "regression")
    texts = ["anna met boris", "", "the old house " * 9]
    found = Predictor(runtime.forward, tiny_tokenizer, task, None, batch_size=2).predict(map(TextExample, texts))
    runtime.close()
    wanted = [sum(tiny_tokenizer(text)["input_ids"]) for text in texts]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_the_name_that_the_export_command_gives(address):
    runtime = ServingRuntime(address)
    assert runtime.forward(batch(TASKS["question_answering"]))["logits"].shape == (3, 7, 2)
    runtime.close()


def test_a_model_for_another_task(address):
    runtime = ServingRuntime(address, "classification", TASKS["regression"])
    with pytest.raises(ModelLoadError, match="returns 2 logits for each input, expected 1 logits for each"):
        runtime.forward(batch(TASKS["regression"]))
    with pytest.raises(ModelLoadError, match="needs token_type_ids, which this task's inputs do not have"):
        runtime.forward(batch(TASKS["tagging"]))
    runtime.close()


def test_no_such_model(address):
    with pytest.raises(ModelLoadError, match="model none: the server refused: Servable not found"):
        ServingRuntime(f"{address}/none")


def test_a_model_without_token_ids(address, running, tmp_path):
    module = tf.Module()
    module.double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"double": module.double})
    running.served.add("double", 1, tmp_path / "m")
    with pytest.raises(ModelLoadError, match="no signature token_ids, but double"):
        ServingRuntime(address, "double")


def test_nobody_there():
    with pytest.raises(ModelLoadError, match="127.0.0.1:9, model xtremedistil: no answer after 1 try"):
        ServingRuntime("serving://127.0.0.1:9", retries=0)


@pytest.mark.parametrize("address", ["127.0.0.1:8500", "http://127.0.0.1:8501/m", "serving://", "serving+ftp://host",
                                     "serving://host:8500/a/b", "serving://host"])
def test_bad_addresses(address):
    with pytest.raises(ConfigError, match="expected"):
        ServingRuntime(address)
