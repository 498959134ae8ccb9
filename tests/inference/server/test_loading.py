"""A model directory answers alike with its SavedModel and with its Keras student."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ModelLoadError
from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.loading import load_model
from xtremedistil_tf.inference.server.model import RequestError
from xtremedistil_tf.inference.server.scheduling import Scheduler
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.metadata import read_metadata
from xtremedistil_tf.students.model_directory import save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.registry import make_task

TEXTS = ["anna met boris in paris .", "", "   ", "москва , 北京 and göran", "x\u00a0y\u3000z", "anna " * 60,
         "\x07 . ,.;", "\U0001F468\u200d\U0001F469 met [SEP] anna[MASK]",
         "an\x1cna\x1f \x85pa\x85ris\u2028oslo"]
MALFORMED = {"b64": "YW5uYSD//iBwYXJpcw=="}
KINDS = {"tagging": (["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], ("texts",), {}),
         "classification": (["bad", "fair", "good"], ("texts",), {}),
         "regression": (["score"], ("texts", "pairs"), {}),
         "question_answering": (["start", "end"], ("questions", "contexts"),
                                {"version_2": True, "null_threshold": 0.5}),
         "multi_label": (["art", "law", "war"], ("texts",), {"thresholds": [0.3, 0.5, 0.8]})}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory, tiny_tokenizer):
    """Writes the directory of a random student, with its SavedModel."""
    made = {}

    def make(kind):
        if kind not in made:
            labels, inputs, options = KINDS[kind]
            tf_keras.utils.set_random_seed(4)
            task = make_task(kind, labels, **options)
            student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs,
                                              per_piece=task.per_piece))
            for variable in student.variables:
                variable.assign(tf.random.normal(variable.shape, stddev=0.5))
            made[kind] = tmp_path_factory.mktemp(kind)
            save_student(made[kind], student, tiny_tokenizer, task, {})
            export_saved_model(made[kind] / "export" / "saved_model", student, tiny_tokenizer, task,
                               pairs="pairs" in inputs)
        return made[kind]

    return make


@pytest.fixture
def without_export(model_dir, tmp_path):
    def make(kind):
        shutil.copytree(model_dir(kind), tmp_path / kind, ignore=shutil.ignore_patterns("export"))
        return tmp_path / kind

    return make


def ask(model, request, **flags):
    config = ServeConfig(model_dir="x", serving_name="m", **flags)
    question = Api(model, config).read(json.dumps(request).encode())
    if question.job is None:
        return json.loads(question.write([]))
    scheduler = Scheduler(config.batch_subwords, 1, 1)
    try:
        scheduler.submit(question.job)
        return json.loads(question.write(question.job.done.result(60)))
    finally:
        scheduler.end()


def assert_alike(found, wanted):
    if isinstance(wanted, dict):
        assert found.keys() >= wanted.keys()
        for name in wanted:
            assert_alike(found[name], wanted[name])
    elif isinstance(wanted, list) and wanted and isinstance(wanted[0], (list, dict)):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted):
            assert_alike(*pair)
    elif isinstance(wanted, float) or (isinstance(wanted, list) and wanted and isinstance(wanted[0], float)):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    else:
        assert found == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_model_and_the_keras_student_answer_alike(model_dir, without_export, kind):
    saved, keras = load_model(model_dir(kind)), load_model(without_export(kind))
    assert saved.source.endswith("saved_model") and keras.source.endswith(".h5")
    assert saved.kind == keras.kind == kind
    assert list(saved.labels) == list(keras.labels) == KINDS[kind][0]
    assert set(saved.default.outputs) >= set(keras.default.outputs)
    assert {name: saved.default.outputs[name].dtype for name in keras.default.outputs} == {
        name: spec.dtype for name, spec in keras.default.outputs.items()}
    texts = [*TEXTS, MALFORMED]
    names = KINDS[kind][1]
    assert list(saved.example) == list(names) and list(keras.example) == list(names)[:len(keras.example)]
    columns = dict(zip(names, (texts, texts[::-1])))
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    for request in ({"inputs": columns}, {"instances": rows}):
        assert_alike(ask(saved, request), ask(keras, request))
    nothing = {"inputs": {name: [] for name in names}}
    assert_alike(ask(saved, nothing), ask(keras, nothing))


@pytest.mark.parametrize("kind", ["tagging", "question_answering"])
def test_small_batches_give_the_same_answers(model_dir, kind):
    model = load_model(model_dir(kind))
    names = KINDS[kind][1]
    request = {"inputs": dict(zip(names, (TEXTS, TEXTS[::-1])))}
    assert_alike(ask(model, request, batch_subwords=700), ask(model, request))


def test_the_keras_student_takes_pairs_or_not(without_export):
    model = load_model(without_export("classification"))
    alone = ask(model, {"instances": [{"texts": "anna"}]})
    pair = ask(model, {"instances": [{"texts": "anna", "pairs": "met"}]})
    assert alone != pair
    assert ask(model, {"instances": ["anna"]}) == alone


def test_metadata_is_what_the_saved_model_says_of_itself(model_dir):
    path = model_dir("question_answering")
    api = Api(load_model(path), ServeConfig(model_dir="x", serving_name="m"))
    found = api.metadata()["metadata"]["signature_def"]["signature_def"]
    file = saved_model_pb2.SavedModel.FromString((path / "export/saved_model/saved_model.pb").read_bytes())
    own = file.meta_graphs[0].signature_def
    assert set(found) == set(own) - {"__saved_model_init_op"}
    for name, signature in found.items():
        read = json_format.ParseDict(signature, meta_graph_pb2.SignatureDef())
        assert read.method_name == own[name].method_name
        for tensors, wanted in ((read.inputs, own[name].inputs), (read.outputs, own[name].outputs)):
            assert set(tensors) == set(wanted)
            for key, info in wanted.items():
                assert (tensors[key].dtype, tensors[key].tensor_shape) == (info.dtype, info.tensor_shape)


def test_token_ids_are_answered_and_checked(model_dir):
    model = load_model(model_dir("tagging"))
    size = read_metadata(model_dir("tagging"))["student"]["vocab_size"]
    row = {"input_ids": [2, 9, 3], "attention_mask": [1, 1, 1]}
    found = ask(model, {"signature_name": "token_ids", "instances": [row]})["predictions"][0]
    assert np.argmax(found["logits"], -1).tolist() == found["label_ids"] and len(found["label_ids"]) == 3
    for wrong, reason in (({"input_ids": [2, 10 ** 6, 3]}, f"id 1000000 in row 1, column 1; expected 0 to {size - 1}"),
                          ({"input_ids": [2, 5, -1]}, "id -1 in row 1, column 2"),
                          ({"attention_mask": [1, 2, 1]}, "`attention_mask`: expected 0 and 1 only")):
        with pytest.raises(RequestError, match=reason) as caught:
            ask(model, {"signature_name": "token_ids", "instances": [row, row | wrong]})
        assert caught.value.status == 400
    with pytest.raises(RequestError, match=r"found `attention_mask` \[1, 2\], `input_ids` \[1, 3\]"):
        ask(model, {"signature_name": "token_ids",
                    "inputs": {"attention_mask": [[1, 1]], "input_ids": [row["input_ids"]]}})


def test_a_saved_model_for_token_ids_alone_is_not_served(without_export):
    path = without_export("tagging")

    class Ids(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, "input_ids")])
        def token_ids(self, input_ids):
            return {"logits": input_ids}

    module = Ids()
    tf.saved_model.save(module, str(path / "export/saved_model"), signatures={"token_ids": module.token_ids})
    assert load_model(path).source.endswith(".h5")


def test_directories_that_cannot_be_served(without_export, tmp_path):
    with pytest.raises(ModelLoadError, match="xtremedistil-config.json: not found"):
        load_model(tmp_path / "nothing")
    path = without_export("tagging")
    (path / "export" / "saved_model").mkdir(parents=True)
    (path / "export" / "saved_model" / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(ModelLoadError, match="the SavedModel cannot be read"):
        load_model(path)


@pytest.mark.parametrize("exported", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_longer_than_a_batch_is_answered_whole_or_refused(model_dir, tmp_path, kind, exported):
    folder = shutil.copytree(model_dir(kind), tmp_path / "out")
    if not exported:
        shutil.rmtree(folder / "export")
    model = load_model(folder)
    long = "Anna met boris in paris. " * 60
    request = {"inputs": {name: ["anna", long, "москва"] for name in KINDS[kind][1]}}
    if kind in ("tagging", "question_answering"):
        assert_alike(ask(model, request, batch_subwords=300, max_text_bytes=300), ask(model, request))
        return
    with pytest.raises(RequestError, match="at most 300 are taken"):
        ask(model, request, max_text_bytes=300)
