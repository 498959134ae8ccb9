"""The server as clients see it: TensorFlow Serving's REST API, errors, limits, many at once, its end."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.server.config import ServeConfig
from xtremedistil_tf.server.errors import RequestError
from xtremedistil_tf.server.http_server import LocalServer

POST = "/v1/models/m:predict"


def raw(server, data: bytes) -> bytes:
    """All that the server sends in return before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as connection:
        connection.sendall(data)
        with contextlib.suppress(OSError):  # the server may have closed the connection already
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def one(response: bytes) -> tuple[int, dict]:
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_both_formats_and_signatures(serve):
    _, client = serve()
    texts = ["ab", "", "北京 göran \U0001F600", "x" * 30]
    wanted = [0.2, 0.0, 1.0, 3.0]
    assert client.predict({"instances": texts}) == (200, {"predictions": wanted})
    assert client.predict({"inputs": {"texts": texts}}) == (200, {"outputs": wanted})
    assert client.predict({"signature_name": "raw_strings", "inputs": texts})[1] == {"outputs": wanted}
    assert client.predict({"signature_name": "", "inputs": []}) == (200, {"outputs": []})
    assert client.predict({"signature_name": "token_ids", "instances": [[1, 2], [3, 4]]}) == (
        200, {"predictions": [{"sums": 3, "longest": 2}, {"sums": 7, "longest": 2}]})
    assert client.predict({"signature_name": "token_ids", "inputs": {"input_ids": [[5]]}})[1] == {
        "outputs": {"sums": [5], "longest": [1]}}


def test_one_connection_serves_many_requests(serve):
    _, client = serve()
    client.predict({"instances": ["a"]})
    before = client.connection.sock.getsockname()
    statuses = [client.ask("GET", "/healthz")[0], client.predict(b"{")[0], client.ask("GET", "/nowhere")[0],
                client.ask("PUT", "/healthz", b"body")[0], client.predict({"instances": ["a"]})[0]]
    assert statuses == [200, 400, 404, 405, 200]
    assert client.connection.sock.getsockname() == before


def test_status_and_metadata_are_those_of_tensorflow_serving(serve):
    from google.protobuf import json_format
    from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

    _, client = serve(serving_version=7)
    status, found = client.ask("GET", "/v1/models/m")
    message = json_format.ParseDict(found, get_model_status_pb2.GetModelStatusResponse())
    version = message.model_version_status[0]
    assert status == 200 and (version.version, version.State.Name(version.state)) == (7, "AVAILABLE")
    status, found = client.ask("GET", "/v1/models/m/versions/7/metadata")
    assert status == 200 and found.keys() == {"model_spec", "metadata"}
    assert json_format.ParseDict(found["model_spec"], model_pb2.ModelSpec()).version.value == 7
    signatures = json_format.ParseDict(found["metadata"]["signature_def"],
                                       get_model_metadata_pb2.SignatureDefMap()).signature_def
    assert set(signatures) == {"serving_default", "raw_strings", "token_ids"}
    ids = signatures["token_ids"].inputs["input_ids"]
    assert ids.dtype == 3 and [dim.size for dim in ids.tensor_shape.dim] == [-1, -1]
    assert signatures["raw_strings"].inputs["texts"].dtype == 7
    assert signatures["raw_strings"].outputs["scores"].dtype == 1


@pytest.mark.parametrize("method, path, body, status, part", [
    ("POST", POST, b"", 400, "not JSON"),
    ("POST", POST, b'{"instances": ["a"]', 400, "line 1"),
    ("POST", POST, b"[1]", 400, "JSON object"),
    ("POST", POST, b'{"instances": ["\xff"]}', 400, "not UTF-8"),
    ("POST", POST, b"[" * 100_000, 400, "not JSON"),
    ("POST", POST, b'{"a": ' + b"1" * 100_000 + b"}", 400, "not JSON"),
    ("POST", POST, b"{}", 400, "instances"),
    ("POST", POST, b'{"signature_name": 3, "inputs": []}', 400, "signature_name"),
    ("POST", POST, b'{"signature_name": "\\ud800\\u001b[31m", "inputs": []}', 400, "serving_default"),
    ("POST", POST, b'{"inputs": {"text": ["a"]}}', 400, "`texts` is missing"),
    ("POST", "/v1/models/other:predict", b'{"inputs": []}', 404, "other"),
    ("POST", "/v1/models/m/versions/2:predict", b'{"inputs": []}', 404, "version 2"),
    ("POST", "/v1/models/m:classify", b"{}", 404, "no such path"),
    ("GET", "/v1/models/%3Cb%3E", None, 404, "<b>"),
    ("GET", "/v1/models/m/labels/stable", None, 404, "no such path"),
    ("GET", "/v1/models/", None, 404, "no such path"),
    ("GET", "/../etc/passwd", None, 404, "no such path"),
    ("GET", POST, None, 405, "POST"),
    ("POST", "/v1/models/m", b"{}", 405, "GET"),
    ("POST", "/", b"", 405, "GET"),
    ("DELETE", "/v1/models/m", None, 405, "GET"),
    ("OPTIONS", POST, None, 405, "POST"),
])
def test_errors_are_json_and_say_what_is_wrong(serve, method, path, body, status, part):
    _, client = serve()
    found, answer = client.ask(method, path, body)
    assert found == status and answer.keys() == {"error"} and part in answer["error"]
    assert client.response.getheader("Content-Type") == "application/json"
    assert (client.response.getheader("Allow") is not None) == (status == 405)
    assert client.predict({"instances": ["a"]})[0] == 200


def test_a_query_and_an_absolute_address_are_understood(serve):
    _, client = serve()
    assert client.ask("GET", "/healthz?x=1#y") == (200, {"status": "ok"})
    assert client.ask("GET", "http://127.0.0.1/healthz") == (200, {"status": "ok"})
    assert client.ask("POST", "/v1/models/m/versions/1:predict", {"inputs": ["a"]})[0] == 200


def test_head_has_the_headers_of_get_alone(serve):
    _, client = serve()
    assert client.ask("HEAD", "/healthz") == (200, None)
    assert client.response.getheader("Content-Length") == "17"
    assert client.ask("HEAD", "/nowhere") == (404, None)
    assert client.ask("GET", "/healthz")[0] == 200


@pytest.mark.parametrize("data, status", [
    (b"POST %s HTTP/1.1\r\n\r\n", 411),
    (b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
    (b"POST %s HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nContent-Length: 2x\r\n\r\n{}", 400),
    (b"POST %s HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    (b"POST %s HTTP/1.1\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}", 415),
    (b"POST %s HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n{}", 413),
    (b"POST %s HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 999999999999\r\n\r\n", 413),
    (b"BREW %s HTTP/1.1\r\n\r\n", 501),
    (b"nonsense %s\r\n\r\n", 400),
    (b"GET %s HTTP/7.1\r\n\r\n", 505),
    (b"GET %s/" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET %s HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    (b"GET %s HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
])
def test_what_http_itself_forbids(serve, data, status):
    server, client = serve()
    found, answer = one(raw(server, data.replace(b"%s", POST.encode())))
    assert found == status and answer.keys() == {"error"}
    assert client.predict({"instances": ["a"]})[0] == 200


def test_a_body_larger_than_allowed_is_refused_in_words(serve):
    _, client = serve(max_request_bytes=100)
    status, answer = client.predict({"instances": ["a" * 5_000_000]})
    assert status == 413 and "larger than 100 bytes" in answer["error"]
    assert client.response.getheader("Connection") == "close"
    assert client.predict({"instances": ["a" * 60]})[0] == 200


def test_a_client_that_waits_for_permission_gets_it(serve):
    server, _ = serve()
    body = b'{"instances": ["abcde"]}'
    head = b"POST %s HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as connection:
        connection.sendall(head % (POST.encode(), len(body)))
        assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert one(connection.makefile("rb").read()) == (200, {"predictions": [0.5]})


def test_too_many_and_too_long_texts(serve):
    _, client = serve(max_texts=3, batch_bytes=10)
    assert client.predict({"instances": ["a", "b", "c"]})[0] == 200
    status, answer = client.predict({"instances": ["a", "b", "c", "d"]})
    assert status == 413 and "4 texts" in answer["error"]
    assert client.predict({"instances": ["x" * 10]})[0] == 200
    status, answer = client.predict({"instances": ["ok", "京" * 4]})
    assert status == 413 and "a text of 12 bytes" in answer["error"]
    status, answer = client.predict({"signature_name": "token_ids", "instances": [[1] * 6, [1] * 6]})
    assert status == 413 and "12 numbers" in answer["error"]


def test_the_model_is_given_bounded_batches(serve, model_of):
    seen = []

    def call(inputs):
        seen.append(inputs["texts"].tolist())
        return {"scores": np.array([len(text) for text in inputs["texts"]], np.float32)}

    _, client = serve(model_of(call), batch_bytes=10)
    texts = ["aaaa", "b", "", "cccccccc", "dd", "e" * 10]
    assert client.predict({"instances": texts}) == (200, {"predictions": [4.0, 1.0, 0.0, 8.0, 2.0, 10.0]})
    assert sorted(text.decode() for batch in seen for text in batch) == sorted(texts)
    assert all(len(batch) * max(map(len, batch)) <= 10 for batch in seen)


def test_a_failing_model_is_500_without_a_traceback(serve, model_of, capfd):
    def call(inputs):
        raise KeyError("secret")

    _, client = serve(model_of(call))
    status, answer = client.predict({"instances": ["a"]})
    assert status == 500 and "secret" not in str(answer) and answer.keys() == {"error"}
    assert client.ask("GET", "/healthz")[0] == 200


def test_a_model_may_refuse(serve, model_of):
    def call(inputs):
        raise RequestError(400, "not these")

    assert serve(model_of(call))[1].predict({"instances": ["a"]}) == (400, {"error": "not these"})


def test_many_at_once_are_all_answered_rightly(serve):
    server, _ = serve(max_queue=8)

    def ask(number):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
        for again in range(5):
            connection.request("POST", POST, json.dumps({"instances": ["x" * number, "y" * again]}))
            response = connection.getresponse()
            assert response.status == 200
            assert json.loads(response.read())["predictions"] == pytest.approx([number / 10, again / 10])
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(40)))


class Gate:
    """A model that answers once it is let."""

    def __init__(self):
        self.entered, self.open = threading.Semaphore(0), threading.Event()

    def __call__(self, inputs):
        self.entered.release()
        assert self.open.wait(30)
        return {"scores": np.zeros(len(inputs["texts"]), np.float32)}


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def test_a_full_queue_is_503_and_empties_again(serve, model_of, gate):
    server, client = serve(model_of(gate), max_queue=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one_shot, server)
        assert gate.entered.acquire(timeout=30)
        status, answer = client.predict({"instances": ["a"]})
        assert status == 503 and "error" in answer and client.response.getheader("Retry-After")
        assert client.ask("GET", "/healthz")[0] == 200
        gate.open.set()
        assert first.result(30)[0] == 200
    assert client.predict({"instances": ["a"]})[0] == 200


def one_shot(server):
    body = b'{"instances": ["a"]}'
    return one(raw(server, b"POST %s HTTP/1.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                   % (POST.encode(), len(body), body)))


def test_connections_are_bounded(serve):
    server, client = serve(max_connections=1)
    assert client.ask("GET", "/healthz")[0] == 200
    assert one(raw(server, b""))[0] == 503
    client.connection.close()
    # The server notices the end of a connection at its own time, and refuses without reading.
    for _ in range(1000):
        with contextlib.suppress(ConnectionError):
            if one_shot(server)[0] == 200:
                return
    pytest.fail("the place was not given back")


def test_a_connection_on_which_nothing_arrives_is_closed(serve):
    server, _ = serve(timeout_seconds=0.2)
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as connection:
        assert connection.recv(100) == b""
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as connection:
        connection.sendall(b"POST %s HTTP/1.1\r\nContent-Length: 10\r\n\r\n{" % POST.encode())
        assert one(connection.makefile("rb").read())[0] == 408


def test_the_end_answers_what_is_in_work_and_frees_the_port(serve, model_of, gate):
    server, client = serve(model_of(gate))
    idle = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(client.predict, {"instances": ["a"]})
        assert gate.entered.acquire(timeout=30)
        ended = pool.submit(server.stop)
        while not server.connections.ending:
            assert not ended.done()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.server_port), 30)
        assert idle.sock.recv(1) == b""
        gate.open.set()
        assert asked.result(30)[0] == 200 and ended.result(30) == 0
    assert client.response.getheader("Connection") == "close"
    LocalServer(ServeConfig(model_dir="x", port=server.server_port)).stop()


def test_the_wait_at_the_end_is_bounded(serve, model_of, gate):
    server, client = serve(model_of(gate), shutdown_seconds=0.1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(client.predict, {"instances": ["a"]})
        assert gate.entered.acquire(timeout=30)
        assert server.stop() == 1
        gate.open.set()


def test_a_taken_port_and_addresses_that_cannot_be():
    taken = LocalServer(ServeConfig(model_dir="x", port=0))
    taken.server_activate()
    try:
        with pytest.raises(ConfigError, match=f"--port={taken.server_port}: another program listens there"):
            LocalServer(ServeConfig(model_dir="x", port=taken.server_port))
    finally:
        taken.stop()
    for host in ("no.such.host.invalid", "203.0.113.1", "a" * 70):
        with pytest.raises(ConfigError, match="no address of this machine"):
            LocalServer(ServeConfig(model_dir="x", host=host, port=0))
