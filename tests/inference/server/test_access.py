"""Who may ask the server, and what it tells about itself: names, origins, keys, TLS, metrics, KServe V2, versions."""

from __future__ import annotations

import http.client
import json
import pathlib
import shutil
import ssl
import subprocess
import threading

import numpy as np
import pytest

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.local_server import LocalServer
from xtremedistil_tf.inference.server.model import ServedModel, ServedSignature, Spec
from xtremedistil_tf.inference.server.reloading import Reloader
from xtremedistil_tf.inference.serving import RestClient

BODY = {"instances": ["abc"]}
KEY = "a-key-of-many-characters"
POST = "/v1/models/m:predict"


def test_a_name_that_somebody_made_point_here_reads_nothing(serve):
    _, client = serve(allowed_hosts="mine.test, other.test")
    for host in ("localhost", "LOCALHOST:80", "127.0.0.1:8501", "[::1]:8501", "192.168.7.7", "mine.test"):
        assert client.predict(BODY, Host=host)[0] == 200, host
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a:b:c", "evil.example:8501",
                 "localhost:99999999", "[::1"):
        for method, path in (("GET", "/"), ("GET", "/v1/models/m"), ("POST", POST)):
            status, answer = client.ask(method, path, BODY if method == "POST" else None, {"Host": host})
            assert status == 421 and "allowed_hosts" in answer["error"], host


def test_pages_of_other_sites_may_not_ask(serve):
    _, client = serve()
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1", "file://"):
        status, answer = client.predict(BODY, Origin=origin)
        assert status == 403 and "allowed_origins" in answer["error"], origin
        assert client.response.getheader("Access-Control-Allow-Origin") is None
    own = f"127.0.0.1:{client.connection.port}"
    assert client.predict(BODY, Host=own, Origin=f"http://{own}")[0] == 200


def test_a_site_that_is_listed_may(serve):
    _, client = serve(allowed_origins="https://good.example, http://other.example:8080")
    assert client.predict(BODY, Origin="https://good.example")[0] == 200
    assert client.response.getheader("Access-Control-Allow-Origin") == "https://good.example"
    client.connection.request("OPTIONS", POST, headers={
        "Origin": "http://other.example:8080", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, authorization"})
    response = client.connection.getresponse()
    assert response.status == 200 and "POST" in response.getheader("Access-Control-Allow-Methods")
    response.read()
    assert client.predict(BODY, Origin="https://bad.example")[0] == 403


def test_what_a_form_of_another_site_can_send_is_not_taken(serve):
    _, client = serve()
    for kind, status in (("application/json", 200), ("Application/JSON; charset=utf-8", 200), ("text/plain", 415),
                         ("", 415), ("application/x-www-form-urlencoded", 415), ("application/jsonx", 415),
                         ("multipart/form-data; boundary=x", 415)):
        assert client.predict(BODY, **{"Content-Type": kind})[0] == status, kind


def test_a_key(serve, tmp_path):
    (tmp_path / "keys").write_text(f"{KEY}\n\nanother-{KEY}\n")
    server, client = serve(api_key_file=str(tmp_path / "keys"))
    for wrong in ({}, {"Authorization": f"Bearer {KEY}x"}, {"Authorization": f"Basic {KEY}"},
                  {"Authorization": "Bearer \xe4"}, {"Authorization": "Bearer "}):
        for method, path in (("POST", POST), ("GET", "/v1/models/m"), ("GET", "/metrics"), ("GET", "/v2/models/m")):
            status, answer = client.ask(method, path, BODY if method == "POST" else None, wrong)
            assert status == 401 and KEY not in answer["error"]
            assert client.response.getheader("WWW-Authenticate") == "Bearer"
    assert client.predict(BODY, Authorization=f"bearer another-{KEY}")[0] == 200
    assert client.ask("GET", "/healthz")[0] == client.ask("GET", "/v2/health/ready")[0] == 200
    with RestClient(server.url, "m", api_key=KEY) as right, RestClient(server.url, "m", retries=0) as wrong:
        assert right.versions() == {1: "AVAILABLE"}
        with pytest.raises(ModelLoadError, match="Bearer"):
            wrong.versions()


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"short", b"\xff" * 30])
def test_keys_that_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ConfigError, match="api_key_file"):
        LocalServer(ServeConfig(model_dir="x", port=0, api_key_file=str(tmp_path / "keys")))


@pytest.mark.parametrize("flags, part", [
    ({"host": "0.0.0.0"}, "need no key"), ({"host": "::"}, "need no key"), ({"host": "example.org"}, "need no key"),
    ({"tls_cert_file": "x"}, "both or none"), ({"allowed_origins": "good.example"}, "https://example.org")])
def test_settings_that_let_too_many_in_are_refused(flags, part):
    with pytest.raises(ConfigError, match=part):
        ServeConfig(model_dir="x", **flags).validate()
    for fine in ({"insecure": True, "host": "0.0.0.0"}, {"api_key_file": "x", "host": "::"}, {"host": "::1"},
                 {"host": "127.1.2.3"}, {"host": "localhost"}):
        ServeConfig(model_dir="x", **fine).validate()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_tls(serve, tmp_path):
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    server, _ = serve(tls_cert_file=cert, tls_key_file=key)
    assert server.url.startswith("https://")
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30,
                                             context=ssl.create_default_context(cafile=cert))
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status": "ok"}\n'
    connection.close()
    with pytest.raises(ConfigError, match="both PEM"):
        LocalServer(ServeConfig(model_dir="x", port=0, tls_cert_file=key, tls_key_file=key))


def test_metrics_count_and_hold_no_text(serve):
    from prometheus_client.parser import text_string_to_metric_families

    _, client = serve(serving_version=3)
    client.predict({"instances": ["a secret", "another"]})
    client.predict(b"{")
    client.ask("GET", "/secret?text=secret")
    client.connection.request("GET", "/metrics")
    response = client.connection.getresponse()
    text = response.read().decode()
    assert "secret" not in text and response.getheader("Content-Type").startswith("text/plain; version=0.0.4")
    found = {(sample.name, *sample.labels.values()): sample.value
             for family in text_string_to_metric_families(text) for sample in family.samples}
    assert found["xtremedistil_requests_total", "predict", "200"] == 1
    assert found["xtremedistil_requests_total", "predict", "400"] == 1
    assert found["xtremedistil_requests_total", "other", "404"] == 1
    assert found["xtremedistil_batch_texts_sum",] == 2 and found["xtremedistil_batch_texts_count",] == 1
    assert found["xtremedistil_model_version",] == 3 and found["xtremedistil_waiting_requests",] == 0


def test_the_log_holds_no_text(serve, caplog):
    caplog.set_level("INFO")
    _, client = serve()
    client.predict({"instances": ["a secret"]})
    client.ask("GET", "/healthz?text=secret")
    assert "secret" not in caplog.text and "POST /v1/models/m:predict HTTP/1.1: 200, " in caplog.text


def infer(client, *inputs, **more):
    return client.ask("POST", "/v2/models/m/infer", {"inputs": list(inputs)} | more)


def texts(data, shape=None):
    return {"name": "texts", "shape": shape or [len(data)], "datatype": "BYTES", "data": data}


def test_the_open_inference_protocol(serve):
    _, client = serve()
    assert client.ask("GET", "/v2")[1]["name"] == "xtreme-distil-serve"
    assert client.ask("GET", "/v2/health/live") == (200, {"live": True})
    assert client.ask("GET", "/v2/models/m/ready") == client.ask("GET", "/v2/models/m/versions/1/ready") == (
        200, {"name": "m", "ready": True})
    assert client.ask("GET", "/v2/models/m")[1] == {
        "name": "m", "versions": ["1"], "platform": "xtremedistil",
        "inputs": [{"name": "texts", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": "scores", "datatype": "FP32", "shape": [-1]}]}
    assert client.ask("GET", "/v2/models/m/versions/2")[0] == client.ask("GET", "/v2/models/other")[0] == 404
    wanted = [{"name": "scores", "datatype": "FP32", "shape": [2], "data": [0.1, 0.2]}]
    for given in (texts(["a", "bc"]), texts([["a"], ["bc"]], [2, 1]), texts(["a", "bc"], [2, 1])):
        assert infer(client, given, id="7") == (
            200, {"model_name": "m", "model_version": "1", "id": "7", "outputs": wanted})
    ids = {"name": "input_ids", "shape": [2, 2], "datatype": "INT64", "data": [1, 2, 3, 4]}
    found = infer(client, ids, outputs=[{"name": "sums"}])[1]["outputs"]
    assert found == [{"name": "sums", "datatype": "INT32", "shape": [2], "data": [3, 7]}]


WRONG = [
    ([], "list of objects"), ([texts(["a"], [2])], "1 values, expected 2"),
    ([texts(["a"], [10 ** 30])], "expected 1000"), ([texts(["a"], [-1])], "whole numbers"),
    ([texts("a", [1])], "expected a list"), ([texts([1])], "strings"),
    ([texts(["a"]) | {"datatype": "FP32"}], "expected BYTES"), ([texts(["a"]) | {"name": "words"}], "takes `texts`"),
    ([texts(["a"]) | {"name": None}], "takes `texts`"), ([texts(["a"]), 7], "list of objects"),
    ([texts(["a", "b"], [1, 2])], "expected 1 sizes")]


def test_v2_requests_that_are_none(serve):
    _, client = serve()
    for given, part in WRONG:
        status, answer = infer(client, *given)
        assert status == 400 and part in answer["error"], given
    status, answer = infer(client, texts(["a"]), outputs=[{"name": "x"}])
    assert status == 400 and "expected some of scores" in answer["error"]


def test_rows_of_unequal_length_follow_one_another(serve):
    text, ints = Spec("string", (None,)), Spec("int32", (None, None))
    signature = ServedSignature(
        {"texts": text}, {"codes": ints, "counts": Spec("int32", (None,)), "labels": text},
        lambda inputs: {"codes": np.array([[7, 8], [9, -1], [-1, -1]]), "counts": np.array([2, 1, 0]),
                        "labels": np.array([b"x"] * 3, object), "scores": np.zeros(3)}, counted={"codes": "counts"})
    _, client = serve(ServedModel({"serving_default": signature}, [], "a test"))
    outputs = {one["name"]: one for one in infer(client, texts(["a", "b", "c"]))[1]["outputs"]}
    assert (outputs["codes"]["shape"], outputs["codes"]["data"]) == ([3], [7, 8, 9])
    assert outputs["counts"]["data"] == [2, 1, 0]
    rows = client.predict({"instances": ["a", "b", "c"]})[1]["predictions"]
    assert [row["codes"] for row in rows] == [[7, 8], [9], []]


def directory(folder: pathlib.Path, content: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "xtremedistil-config.json").write_text(content)


def test_a_new_version_takes_over_once_it_works(serve, model_of, tmp_path):
    def load(folder):
        value = float(json.loads((folder / "xtremedistil-config.json").read_text()))
        if value < 0:
            raise ModelLoadError("no model")
        return model_of(lambda inputs: {"scores": np.full(len(inputs["texts"]), value, np.float32)})

    directory(tmp_path / "out", "1")
    api = Api(load(tmp_path / "out"), ServeConfig(model_dir="x", serving_name="m"))
    results = []
    reloader = Reloader(api, tmp_path / "out", load, 0.1, results.append)
    reloader.look()
    assert not results
    directory(tmp_path / "out", "22")
    reloader.look()  # what has changed may still be being written
    assert not results
    reloader.look()
    assert results == ["ok"] and api.version == 2 and api.status()["model_version_status"][0]["version"] == "2"
    directory(tmp_path / "out", "-1.0")
    for _ in range(3):
        reloader.look()
    assert results == ["ok", "failed"] and api.version == 2
    reloader.asked.set()
    reloader.look()
    assert results[2:] == ["failed"]


def test_requests_that_run_keep_their_model(serve, model_of):
    entered, let = threading.Event(), threading.Event()

    def old(inputs):
        entered.set()
        assert let.wait(30)
        return {"scores": np.array([1], np.float32)}

    server, client = serve(model_of(old))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.predict(BODY)[1]))
    asking.start()
    assert entered.wait(30)
    api = server.api
    api.replace(model_of(lambda inputs: {"scores": np.array([2], np.float32)}))
    let.set()
    asking.join(30)
    assert answers == [{"predictions": [1.0]}] and client.predict(BODY)[1] == {"predictions": [2.0]}
    assert client.ask("POST", "/v1/models/m/versions/1:predict", BODY)[0] == 404
    assert client.ask("POST", "/v1/models/m/versions/2:predict", BODY)[0] == 200


def test_work_ends_when_the_client_has_gone_or_its_time_is_over(serve, model_of):
    batches, let = [], threading.Semaphore(0)

    def call(inputs):
        batches.append(len(inputs["texts"]))
        assert let.acquire(timeout=30)
        return {"scores": np.zeros(len(inputs["texts"]), np.float32)}

    _, client = serve(model_of(call), batch_subwords=8, deadline_seconds=0.3)
    status, answer = client.predict({"instances": ["ab"] * 50})
    assert status == 413 and "takes more than 0.3 s" in answer["error"]
    let.release(100)
    assert client.predict(BODY)[0] == 200 and len(batches) == 2
