"""Both clients against a server that speaks TensorFlow Serving's protocols over really exported SavedModels."""

from __future__ import annotations

import functools
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from seqeval.scheme import IOB2, Entities

from xtremedistil_tf.corpus.example import Example, QuestionExample, TextExample
from xtremedistil_tf.errors import ConfigError, DataError, MissingExtraError, ModelLoadError
from xtremedistil_tf.inference.serving.client import MAX_BATCH
from xtremedistil_tf.inference.serving.grpc_client import GrpcClient
from xtremedistil_tf.inference.serving.rest_client import RestClient

TEXTS = ["anna met boris in paris .", "", "москва , 北京 and göran", "a\u200db \u200d \U0001F469 \"quoted\" \\ \t x",
         "the old house " * 40]
LOADED = functools.lru_cache(None)(lambda path: tf.saved_model.load(str(path)))
KINDS = ["tagging", "classification", "regression", "question_answering", "multi_label"]
INTEGERS = ("label_ids", "is_label")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def model(request, exported, server, connect):
    """(what was exported, a client for it)"""
    found = exported(request.param)
    server.served.add("m", 1, found.path)
    return found, connect("m")


def kind(name: str):
    return pytest.mark.parametrize("model", [name], indirect=True)


@kind("tagging")
def test_tags(model):
    student, client = model
    wanted = student.predict([Example(tuple(text.split())) for text in TEXTS])
    for text, tags, found in zip(TEXTS, wanted, client.tag(TEXTS)):
        offsets, scores = [(word.start, word.end) for word in found.words], [word.score for word in found.words]
        assert ([word.text for word in found.words], found.tags) == (text.split(), tags)
        assert [text[start:end] for start, end in offsets] == text.split()
        assert len(scores) == len(tags) and all(0 < score <= 1.0001 for score in scores)
        spans = [(entity.tag, entity.start, entity.end) for entity in Entities([tags], IOB2).entities[0]]
        assert [(entity.type, entity.text, entity.start, entity.end) for entity in found.entities] == [
            (kind, text[offsets[first][0]:offsets[stop - 1][1]], offsets[first][0],
             offsets[stop - 1][1]) for kind, first, stop in spans]
        assert [entity.score for entity in found.entities] == pytest.approx(
            [np.mean(scores[first:stop]) for _, first, stop in spans])


@kind("classification")
def test_classes(model):
    student, client = model
    for wanted, found in zip(student.predict([TextExample(text) for text in TEXTS]), client.classify(TEXTS)):
        assert found.label == wanted.label and found.score == pytest.approx(wanted.probabilities.max(), abs=1e-5)
        np.testing.assert_allclose(list(found.probabilities.values()), wanted.probabilities, atol=1e-5)
        assert list(found.probabilities) == student.task.labels


@kind("multi_label")
def test_labels(model):
    student, client = model
    wanted = student.predict([TextExample(text) for text in TEXTS])
    assert len({answer.labels for answer in wanted}) > 1
    for right, found in zip(wanted, client.ask(TEXTS), strict=True):
        assert found.labels == right.labels and found.probabilities == pytest.approx(right.probabilities, abs=1e-5)


@kind("regression")
def test_scores_of_pairs(model):
    student, client = model
    pairs = TEXTS[::-1]
    wanted = student.predict([TextExample(*both) for both in zip(TEXTS, pairs)])
    assert [found.value for found in client.score(TEXTS, pairs)] == pytest.approx(wanted, abs=1e-5)


@kind("question_answering")
def test_answers(model):
    student, client = model
    contexts = TEXTS[::-1]
    wanted = student.predict([QuestionExample("", *both) for both in zip(TEXTS, contexts)])
    for right, found in zip(wanted, client.answer(TEXTS, contexts)):
        assert (found.text, found.start, found.end) == (right.text, right.start, right.end)
        assert found.score == pytest.approx(right.score, abs=1e-4)
        assert found.no_answer_score == pytest.approx(right.no_answer_score, abs=1e-4)


@kind("classification")
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=4))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_arrives_as_it_was(model, texts):
    student, client = model
    signature = LOADED(student.path).signatures["raw_strings"]
    found = client.classify(texts)
    assert len(found) == len(texts)
    if texts:
        wanted = signature(texts=tf.constant([text.encode() for text in texts]))["probabilities"].numpy()
        np.testing.assert_allclose([list(answer.probabilities.values()) for answer in found], wanted, atol=1e-6)


@pytest.mark.parametrize("model", KINDS, indirect=True)
def test_predict_knows_the_kind(model, server):
    student, client = model
    assert client.kind == student.task.kind
    examples = {"tagging": Example(("anna",)), "regression": TextExample("anna", "paris"),
                "classification": TextExample("anna"), "multi_label": TextExample("anna"),
                "question_answering": QuestionExample("", "anna", "in paris")}[client.kind]
    asked = {"tagging": lambda: client.tag(["anna"]), "classification": lambda: client.classify(["anna"]),
             "regression": lambda: client.score(["anna"], ["paris"]), "multi_label": lambda: client.ask(["anna"]),
             "question_answering": lambda: client.answer(["anna"], ["in paris"])}[client.kind]()
    assert repr(client.predict([examples])) == repr(asked)
    assert client.predict([]) == [] and server.served.metadata_asked == 1


@pytest.mark.parametrize("model", KINDS, indirect=True)
def test_token_ids(model):
    student, client = model
    ids = np.random.default_rng(0).integers(1, 40, (3, 11))
    batch = {"input_ids": ids, "attention_mask": np.arange(11) < np.array([[11], [4], [1]])}
    if student.task.kind != "tagging":
        batch["token_type_ids"] = ids % 2
    found = client.token_ids(batch)
    wanted = student.student({name: tf.constant(value, tf.int32) for name, value in batch.items()})["logits"].numpy()
    outputs = {"regression": ["scores"], "question_answering": ["end_logits", "start_logits"],
               "multi_label": ["is_label", "logits", "probabilities"]}.get(
        student.task.kind, ["label_ids", "logits", "probabilities"])
    assert sorted(found) == outputs
    assert all(value.dtype == (np.int32 if name in INTEGERS else np.float32) for name, value in found.items())
    expected = {"scores": wanted[..., 0], "start_logits": wanted[..., 0], "end_logits": wanted[..., -1],
                "logits": wanted, "label_ids": wanted.argmax(-1), "is_label": wanted >= 0}
    for name in set(found) & set(expected):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@kind("tagging")
def test_many_texts_become_several_requests(model, server):
    _, client = model
    texts = [f"anna {'met ' * (number % 5)}boris" for number in range(MAX_BATCH + 3)]
    assert [[word.text for word in found.words] for found in client.tag(texts)] == [text.split() for text in texts]
    assert server.served.batches == [MAX_BATCH, 3]


def test_versions_and_labels(exported, server, connect):
    server.served.add("m", 1, exported("classification").path)
    server.served.add("m", 12, exported("tagging").path)
    server.served.labels["m", "stable"] = 1
    assert connect("m").versions() == {1: "AVAILABLE", 12: "AVAILABLE"}
    assert connect("m").kind == "tagging"
    assert connect("m", version=1).kind == "classification"
    labelled = connect("m", version="stable")
    assert labelled.kind == "classification" and len(labelled.classify(["anna"])) == 1
    assert connect("m", version=1).versions() == {1: "AVAILABLE"}
    with pytest.raises(ModelLoadError, match=r"version 3: the server refused: Servable not found.*Specific\(m, 3\)"):
        connect("m", version=3).tag(["anna"])


def test_a_model_that_is_not_there(server, connect):
    with pytest.raises(ModelLoadError, match=r"127\.0\.0\.1:\d+, model half: the server refused: "
                                             r"Servable not found for request: Latest\(half\)"):
        connect("half").tag(["anna"])
    with pytest.raises(ModelLoadError, match="Could not find any versions of model half"):
        connect("half").versions()


@kind("classification")
def test_the_method_of_another_task(model):
    with pytest.raises(ModelLoadError, match="unlike a model for tagging"):
        model[1].tag(["anna"])


@kind("classification")
def test_the_inputs_of_another_task(model):
    with pytest.raises(ModelLoadError, match="the server refused: input size does not match signature"):
        model[1].classify(["anna"], ["boris"])


@kind("regression")
def test_texts_that_cannot_be_sent(model, server):
    _, client = model
    with pytest.raises(DataError, match="2 texts, 1 pairs: expected as many"):
        client.score(["a", "b"], ["c"])
    with pytest.raises(DataError, match=r"texts\[1\] is '\\ud800'"):
        client.score(["a", "\ud800"], ["c", "d"])
    with pytest.raises(DataError, match=r"pairs\[0\] is None"):
        client.score(["a"], [None])
    with pytest.raises(DataError, match="one string, 'anna'"):
        client.score("anna", ["a"] * 4)
    assert client.score([], []) == [] and server.served.asked == []


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
@kind("classification")
def test_faults_that_pass_are_tried_again(model, server, model_server_module, code):
    _, client = model
    server.served.faults = [model_server_module.Refusal(code, "busy")] * 2
    assert len(client.classify(["anna"])) == 1
    assert server.served.faults == []


@kind("classification")
def test_a_collision_in_the_servers_batch_is_tried_again(model, server, model_server_module):
    message = ("Tensors with name 'token_ids_input_ids:0' from different tasks have different shapes and padding is "
               "turned off. Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have "
               "equal dimensions starting with the first dim.")
    server.served.faults = [model_server_module.Refusal("FAILED_PRECONDITION", message)]
    ones = np.ones([1, 4], np.int32)
    assert "logits" in model[1].token_ids({"input_ids": ones, "attention_mask": ones, "token_type_ids": ones})


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "FAILED_PRECONDITION", "INTERNAL"])
@kind("classification")
def test_other_faults_are_final(model, server, model_server_module, code):
    _, client = model
    server.served.faults = [model_server_module.Refusal(code, "no such thing"), "next"]
    with pytest.raises(ModelLoadError, match=r"the server refused: no such thing \(status "):
        client.classify(["anna"])
    assert server.served.faults == ["next"]


def test_tries_come_to_an_end(exported, server, connect, model_server_module):
    server.served.add("m", 1, exported("classification").path)
    server.served.faults = [model_server_module.Refusal("UNAVAILABLE", "busy")] * 9
    with pytest.raises(ModelLoadError, match=r"no answer after 2 tries \(busy .*Check the address"):
        connect("m", retries=1).classify(["anna"])
    assert len(server.served.faults) == 7


def test_a_server_that_hangs(exported, server, connect, model_server_module):
    server.served.add("m", 1, exported("classification").path)
    server.served.faults = [model_server_module.Refusal("UNAVAILABLE", "woken", hang=True)] * 2
    with pytest.raises(ModelLoadError, match=r"no answer after 2 tries \((timeout after 0.2 s|Deadline Exceeded)"):
        connect("m", timeout=0.2, retries=1).classify(["anna"])


@pytest.mark.parametrize("make", [lambda port: RestClient(f"http://127.0.0.1:{port}", retries=1),
                                  lambda port: GrpcClient(f"127.0.0.1:{port}", retries=1)], ids=["rest", "grpc"])
def test_no_server(make, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    port = free_port()
    with make(port) as client, pytest.raises(ModelLoadError) as caught:
        client.tag(["anna"])
    assert f"127.0.0.1:{port}, model xtremedistil: no answer after 2 tries" in str(caught.value)
    assert "refused" in str(caught.value) and "\n" not in str(caught.value)


def test_a_server_that_starts_late(exported, model_server_module, monkeypatch):
    """A gRPC channel keeps the fault of its first connection for a while; the client must not."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    port = free_port()
    with GrpcClient(f"127.0.0.1:{port}", "m", retries=0) as client:
        with pytest.raises(ModelLoadError, match="no answer after 1 try "):
            client.versions()
        with model_server_module.ModelServer(port) as late:
            late.served.add("m", 1, exported("classification").path)
            client.retries = 5
            assert client.versions() == {1: "AVAILABLE"}


def test_rest_asked_of_something_else(server):
    """The gRPC port does not speak HTTP/1."""
    with RestClient(f"http://127.0.0.1:{server.grpc_port}", retries=0) as client, pytest.raises(ModelLoadError):
        client.versions()


@pytest.mark.parametrize("make", [lambda: RestClient("localhost:8501"), lambda: RestClient("ftp://localhost"),
                                  lambda: GrpcClient("http://localhost:8500"), lambda: GrpcClient("localhost"),
                                  lambda: GrpcClient("localhost:8500", timeout=0),
                                  lambda: RestClient("http://localhost", retries=-1)])
def test_bad_arguments(make):
    with pytest.raises(ConfigError, match="expected"):
        make()


def test_grpc_needs_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(MissingExtraError, match=r"xtremedistil-tf\[serving\]"):
        GrpcClient("localhost:8500")


def test_rest_needs_neither_tensorflow_nor_grpc(exported, server):
    server.served.add("m", 1, exported("tagging").path)
    script = ("import sys\nfrom xtremedistil_tf.inference.serving import RestClient\n"
              "print(RestClient(sys.argv[1], 'm').predict.__self__.tag(['anna met boris'])[0].words[2].text)\n"
              "assert not {'tensorflow', 'grpc', 'transformers'} & set(sys.modules)")
    run = subprocess.run([sys.executable, "-c", script, f"http://127.0.0.1:{server.rest_port}"], capture_output=True,
                         text=True)
    assert run.stdout == "boris\n", run.stderr


def test_the_documented_rest_forms(exported, server):
    """The stand-in itself: rows, columns, an only input, binary values, errors, as published."""
    import json

    server.served.add("m", 1, exported("classification").path)
    server.served.add("r", 1, exported("regression").path)

    def post(model, body):
        request = urllib.request.Request(f"http://127.0.0.1:{server.rest_port}/v1/models/{model}:predict",
                                         json.dumps(body).encode())
        return json.loads(urllib.request.urlopen(request, timeout=20).read())

    columns = post("m", {"inputs": {"texts": ["anna", "the old house"]}})["outputs"]
    rows = post("m", {"instances": ["anna", {"b64": "dGhlIG9sZCBob3VzZQ=="}]})["predictions"]
    assert [row["labels"] for row in rows] == columns["labels"]
    assert post("m", {"inputs": ["anna", "the old house"]})["outputs"] == columns
    numbers = post("r", {"instances": [{"texts": "anna", "pairs": "boris"}]})["predictions"]
    assert post("r", {"inputs": {"texts": ["anna"], "pairs": ["boris"]}})["outputs"] == numbers
    with pytest.raises(urllib.error.HTTPError) as caught:
        post("m", {})
    assert json.loads(caught.value.read()) == {"error": "Missing 'inputs' or 'instances' key"}
