"""The folder for the server, its warm-up requests replayed."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError, MissingExtraError, ModelLoadError
from xtremedistil_tf.export.serving import export_serving
from xtremedistil_tf.tasks.classification import ClassificationTask

EXAMPLES = {"tagging": [Example(("anna", "met", "b\u00f6ris")), Example(("paris",))],
            "classification": [TextExample("anna"), TextExample("the \u5317\u4eac house")],
            "regression": [TextExample("anna", "boris"), TextExample("paris", "oslo")],
            "multi_label": [TextExample("anna"), TextExample("paris")],
            "question_answering": [QuestionExample("1", "anna", "met boris"), QuestionExample("2", "in", "oslo")]}
TASK = ClassificationTask(["bad", "fair", "good"])
FILES = ["Dockerfile", "README.md", "batching.config", "docker-compose.yml", "models.config", "monitoring.config"]


def tree(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def logs(version) -> list[PredictionLog]:
    file = version / "assets.extra" / "tf_serving_warmup_requests"
    return [PredictionLog.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]


def operations(saved_model) -> list[str]:
    """The sorts of operations in all graphs of a SavedModel."""
    content = SavedModel.FromString((pathlib.Path(saved_model) / "saved_model.pb").read_bytes())
    return [operation.name for graph in content.meta_graphs for operation in graph.meta_info_def.stripped_op_list.op]


@pytest.fixture(scope="module", params=EXAMPLES)
def written(request, exported, tmp_path_factory):
    """What was exported, and the folder of its version."""
    found, folder = exported(request.param), tmp_path_factory.mktemp("serving")
    version = export_serving(folder, found.path, "ner", None, EXAMPLES[request.param], found.task)
    assert version == folder / "models" / "ner" / "1"
    return found, version


@pytest.fixture(scope="module")
def token_ids(tmp_path_factory):
    """A SavedModel that takes token ids alone and is loaded at once."""
    class Ids(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name) for name in
                                      ("input_ids", "attention_mask", "token_type_ids")])
        def token_ids(self, input_ids, attention_mask, token_type_ids):
            ids = tf.where(attention_mask > token_type_ids, input_ids, 0)
            return {"logits": tf.cast(ids, tf.float32)}

    module, folder = Ids(), tmp_path_factory.mktemp("ids")
    tf.saved_model.save(module, str(folder), signatures={"token_ids": module.token_ids})
    return folder


def test_a_version_is_the_saved_model_and_warm_up_requests(written):
    found, version = written
    files = tree(version)
    assert len(files.pop("assets.extra/tf_serving_warmup_requests")) > 0
    assert files == tree(found.path)
    assert {path.name for path in version.parents[2].iterdir()} == {*FILES, "models"}


def test_the_model_answers_its_warm_up_requests(written, model_server_module):
    _, version = written
    model = model_server_module.load(str(version))
    seen = []
    for log in logs(version):
        request = log.predict_log.request
        assert request.model_spec.name == "ner"
        inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        outputs = model.signatures[request.model_spec.signature_name](**inputs)
        seen.append((request.model_spec.signature_name, len(next(iter(inputs.values())))))
        assert all(len(output) == seen[-1][1] for output in outputs.values())
    assert sorted(seen) == sorted((name, count) for name in model.signatures for count in (1, 2))


def test_warm_up_texts_are_the_given_ones(written):
    found, version = written
    requests = [log.predict_log.request for log in logs(version)]
    _, batch = [request.inputs for request in requests if request.model_spec.signature_name == "raw_strings"]
    texts = {name: [text.decode() for text in tf.make_ndarray(value)] for name, value in batch.items()}
    assert texts == {"tagging": {"texts": ["anna met b\u00f6ris", "paris"]},
                     "classification": {"texts": ["anna", "the \u5317\u4eac house"]},
                     "regression": {"texts": ["anna", "paris"], "pairs": ["boris", "oslo"]},
                     "multi_label": {"texts": ["anna", "paris"]},
                     "question_answering": {"questions": ["anna", "in"], "contexts": ["met boris", "oslo"]}}[
                         found.task.kind]


def test_the_readme_s_commands_work(written, server, capsys):
    """The curl body and the Python lines, asked of the stand-in."""
    _, version = written
    server.served.add("ner", 1, version)
    text = (version.parents[2] / "README.md").read_text(encoding="utf-8")
    _, flag, body, url = shlex.split(re.search(r"^ +(curl -d .*)$", text, re.M)[1])
    assert flag == "-d" and url == "http://localhost:8501/v1/models/ner:predict"
    import requests

    answer = requests.post(url.replace("localhost:8501", f"127.0.0.1:{server.rest_port}"), data=body, timeout=60)
    assert answer.status_code == 200 and list(answer.json()) == ["outputs"]
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    exec(code.replace("localhost:8501", f"127.0.0.1:{server.rest_port}").replace(
        "localhost:8500", f"127.0.0.1:{server.grpc_port}"), {})
    by_rest, by_grpc = re.sub(r"(\d\.\d{5})\d*", r"\1", capsys.readouterr().out).splitlines()[:2]
    assert len(by_rest) > 2 and by_rest == by_grpc


def test_the_documented_way_to_leave_out_texts(exported, tmp_path):
    """The Python lines of docs/serving.md give a model without operations of TensorFlow Text."""
    text = (pathlib.Path(__file__).parents[3] / "docs" / "serving.md").read_text(encoding="utf-8")
    code = next(code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "ids_only" in code)
    found = exported("classification")
    exec(code.replace("out/export/saved_model", str(found.path))
         .replace("out/export/ids_only", str(tmp_path / "ids")), {})
    # TensorFlow's own are there; those of other packages are not.
    assert {name for name in operations(tmp_path / "ids") if not hasattr(tf.raw_ops, name)} == set()
    assert {name for name in operations(found.path) if not hasattr(tf.raw_ops, name)}
    one = tf.ones([1, 3], tf.int32)
    model = tf.saved_model.load(str(tmp_path / "ids"))
    answers = model.signatures["token_ids"](input_ids=one, attention_mask=one, token_type_ids=one)
    assert answers["label_ids"].shape == (1,)
    assert export_serving(tmp_path / "s", tmp_path / "ids", "m", None, EXAMPLES["classification"], found.task).is_dir()


def test_at_most_a_batch_of_texts_is_kept(exported, tmp_path):
    found = exported("classification")
    many = [TextExample(str(number)) for number in range(100)]
    version = export_serving(tmp_path, found.path, "m", 7, many, found.task)
    sizes = [log.predict_log.request.inputs["texts"].tensor_shape.dim[0].size for log in logs(version)
             if "texts" in log.predict_log.request.inputs]
    assert version.name == "7" and max(sizes) == 32 and len(logs(version)) < 1000


def test_versions_there_are_never_touched(token_ids, tmp_path):
    examples = EXAMPLES["classification"]
    export_serving(tmp_path, token_ids, "m", None, examples, TASK)
    (tmp_path / "batching.config").write_text("# mine")
    (tmp_path / "models.config").write_text('model_config_list { config { name: "m" base_path: "/x" } }  # mine')
    before = tree(tmp_path)
    second = export_serving(tmp_path, token_ids, "m", None, examples, TASK)
    assert second.name == "2"
    after = tree(tmp_path)
    assert {name: after[name] for name in before} == before
    with pytest.raises(ConfigError, match="version 1 already exists"):
        export_serving(tmp_path, token_ids, "m", 1, examples, TASK)
    assert tree(tmp_path) == after


def test_a_second_model(token_ids, tmp_path):
    for name in ("a", "b"):
        export_serving(tmp_path, token_ids, name, None, EXAMPLES["classification"], TASK)
    assert re.findall('name: "(.)"', (tmp_path / "models.config").read_text()) == ["a", "b"]
    assert sorted(os.listdir(tmp_path / "models")) == ["a", "b"]


def fails(tmp_path, exported, error, match, **changes):
    found = exported("classification")
    arguments = {"folder": tmp_path / "s", "saved_model": found.path, "name": "m", "version": None,
                 "warmup_texts": EXAMPLES["classification"], "task": found.task} | changes
    with pytest.raises(error, match=match) as caught:
        export_serving(**arguments)
    assert "\n" not in str(caught.value) and ".part-" not in str(caught.value)
    assert tree(tmp_path / "s") == {} if (tmp_path / "s").exists() else True


def test_bad_arguments(tmp_path, exported):
    fails(tmp_path, exported, ConfigError, "Model name", name="a/b")
    fails(tmp_path, exported, ConfigError, "version 0", version=0)
    fails(tmp_path, exported, ConfigError, "no texts for the warm-up", warmup_texts=[])
    fails(tmp_path, exported, ModelLoadError, "no SavedModel", saved_model=tmp_path)


def test_a_damaged_saved_model_is_not_published(tmp_path, exported):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "saved_model.pb").write_bytes(b"\x0a\xff\xff")
    fails(tmp_path, exported, ModelLoadError, "bad|not a SavedModel", saved_model=bad)


def test_a_model_that_does_not_answer_is_not_published(tmp_path, exported):
    class Strict(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, "input_ids")])
        def token_ids(self, input_ids):
            tf.debugging.assert_less(tf.shape(input_ids)[0], 2, "one at a time")
            return {"logits": tf.cast(input_ids, tf.float32)}

    module = Strict()
    tf.saved_model.save(module, str(tmp_path / "strict"), signatures={"token_ids": module.token_ids})
    fails(tmp_path, exported, ModelLoadError, "signature token_ids does not answer.*one at a time",
          saved_model=tmp_path / "strict")


def test_a_model_for_token_ids_alone(token_ids, tmp_path):
    version = export_serving(tmp_path / "s", token_ids, "m", None, EXAMPLES["classification"], TASK)
    request = logs(version)[-1].predict_log.request
    arrays = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
    assert all(array.dtype == np.int32 and array.shape == (2, 8) for array in arrays.values())
    assert arrays["attention_mask"].all() and not arrays["token_type_ids"].any()
    body = re.search(r"curl -d '(.*?)'", (tmp_path / "s" / "README.md").read_text())[1]
    assert json.loads(body)["signature_name"] == "token_ids"


def test_the_extra_is_named(tmp_path, exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    fails(tmp_path, exported, MissingExtraError, r"xtremedistil-tf\[serving\]")
