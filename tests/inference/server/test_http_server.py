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

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.server import local_server
from xtremedistil_tf.inference.server.local_server import Connection, LocalServer
from xtremedistil_tf.inference.server.model import RequestError

POST = "/v1/models/m:predict"


@contextlib.contextmanager
def connected(server, data: bytes = b""):
    """What arrives on a connection on which something has been sent."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection, connection.makefile("rwb", 0) as file:
        connection.sendall(data)
        yield file


def one(file):
    """Status, JSON and headers of the next response."""
    status = int(file.readline().split()[1])
    headers = http.client.parse_headers(file)
    return status, json.loads(file.read(int(headers["Content-Length"]))), headers


def head(method: str = "POST", path: str = POST, **headers) -> bytes:
    headers = {"Host": "localhost"} | ({"Content_Type": "application/json"} if method == "POST" else {}) | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*(line.replace("_", "-") for line in lines), "", ""]).encode()


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


def test_head_and_body_do_not_wait_for_each_other(serve, monkeypatch):
    accepted = []
    monkeypatch.setattr(Connection, "at_work", property(lambda self: accepted.append(self.transport) or False))
    serve()[1].ask("GET", "/healthz")
    socket_ = accepted[0].get_extra_info("socket")
    assert socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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
    ("POST", "/v1/models/m/versions/2:predict", b'{"inputs": []}', 404, "versions/2"),
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


CHUNK = b"2\r\n{}\r\n0\r\n\r\n"


@pytest.mark.parametrize("data, status", [
    (head(), 411),
    (head(Transfer_Encoding="chunked") + CHUNK, 411),
    (head(Content_Length=2, Content_Encoding="gzip") + b"{}", 415),
    (head("BREW"), 405),
    (head("PUT", Transfer_Encoding="chunked") + CHUNK, 405),
    (head("GET", "/healthz", Content_Length=2) + b"{}", 200),
])
def test_what_is_not_read_is_thrown_away(serve, data, status):
    server, _ = serve()
    with connected(server, data + head("GET", "/healthz")) as connection:
        found, answer, headers = one(connection)
        assert found == status and ("error" in answer) == (status != 200) and headers["Connection"] is None
        assert one(connection)[:2] == (200, {"status": "ok"})


@pytest.mark.parametrize("data, status", [
    (head(Content_Length=-1), 400),
    (head(Content_Length="2x") + b"{}", 400),
    (head(Content_Length=2)[:-2] + b"Content-Length: 3\r\n\r\n{}", 400),
    (head(Content_Length=2, Transfer_Encoding="chunked, gzip") + b"{}", 400),
    (head(Expect="100-continue", Content_Length=999999999999), 413),
    (head(Expect="100-continue"), 411),
    (b"nonsense\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400),  # TLS
    (b"POST %s HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}" % POST.encode(), 400),
    (head("GET", "/" + "x" * 70_000)[:-2], 400),
    (head("GET", X="x" * 70_000)[:-2], 400),
])
def test_what_cannot_be_read_ends_the_connection(serve, data, status):
    server, client = serve()
    with connected(server, data) as connection:
        found, answer, headers = one(connection)
        assert found == status and answer.keys() == {"error"} and headers["Connection"].lower() == "close"
        with contextlib.suppress(OSError):
            assert connection.read(1) == b""
    assert client.predict({"instances": ["a"]})[0] == 200


def test_chunks_that_are_none_end_the_connection(serve):
    server, client = serve()
    with connected(server, head(Transfer_Encoding="chunked") + b"zz\r\n") as connection:
        assert one(connection)[0] in (400, 411)
        with contextlib.suppress(OSError):
            while connection.read(4096):
                pass
    assert client.predict({"instances": ["a"]})[0] == 200


def test_a_body_larger_than_allowed_is_refused_in_words(serve):
    _, client = serve(max_request_bytes=100)
    status, answer = client.predict({"instances": ["a" * 5_000_000]})
    assert status == 413 and "larger than 100 bytes" in answer["error"]
    before = client.connection.sock.getsockname()
    assert client.predict({"instances": ["a" * 60]})[0] == 200
    assert client.connection.sock.getsockname() == before


def test_a_client_that_waits_for_permission_gets_it(serve):
    server, _ = serve()
    body = b'{"instances": ["abcde"]}'
    with connected(server, head(Expect="100-continue", Content_Length=len(body))) as connection:
        assert connection.read(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.write(body)
        assert one(connection)[:2] == (200, {"predictions": [0.5]})


def test_too_many_and_too_long_texts(serve):
    _, client = serve(max_texts=3, max_text_bytes=13, max_answer_bytes=12)
    assert client.predict({"instances": ["a", "b", "c"]})[0] == 200
    status, answer = client.predict({"instances": ["a", "b", "c", "d"]})
    assert status == 413 and "4 texts" in answer["error"]
    assert client.predict({"instances": ["x" * 10]})[0] == 200
    status, answer = client.predict({"instances": ["ok", "京" * 4]})
    assert status == 413 and "a text of 15 bytes" in answer["error"]
    status, answer = client.predict({"signature_name": "token_ids", "instances": [[1] * 14]})
    assert status == 413 and "a row of 14" in answer["error"]
    status, answer = client.predict({"signature_name": "token_ids", "instances": [[12345678]] * 3})
    assert status == 413 and "the answer is larger than 12 bytes" in answer["error"]


def test_the_model_is_given_bounded_batches(serve, model_of):
    seen = []

    def call(inputs):
        seen.append(inputs["texts"].tolist())
        return {"scores": np.array([len(text) for text in inputs["texts"]], np.float32)}

    _, client = serve(model_of(call), batch_subwords=16)
    texts = ["aaaa", "b", "", "cccccccc", "dd", "e" * 10, "f" * 30]
    assert client.predict({"instances": texts}) == (200, {"predictions": [4.0, 1.0, 0.0, 8.0, 2.0, 10.0, 30.0]})
    assert sorted(text.decode() for batch in seen for text in batch) == sorted(texts)
    assert all(len(batch) == 1 or len(batch) * (3 + max(map(len, batch))) <= 16 for batch in seen)
    assert len(seen) < len(texts)


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
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for again in range(5):
            connection.request("POST", POST, json.dumps({"instances": ["x" * number, "y" * again]}),
                               {"Content-Type": "application/json"})
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
    with connected(server, head(Connection="close", Content_Length=len(body)) + body) as connection:
        return one(connection)


def test_connections_are_bounded(serve, model_of, gate):
    server, client = serve(model_of(gate), max_connections=1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.predict, {"instances": ["a"]})
        assert gate.entered.acquire(timeout=30)
        with connected(server) as connection:
            status, answer, headers = one(connection)
            assert (status, answer, headers["Retry-After"]) == (503, {"error": "too many connections"}, "1")
        gate.open.set()
        assert asked.result(30)[0] == 200


def test_a_connection_that_only_waits_gives_its_place_up(serve):
    server, client = serve(max_connections=2)
    with connected(server, b"GET /hea") as begun:
        assert client.ask("GET", "/healthz")[0] == 200
        with connected(server, head("GET", "/healthz")) as third:
            assert one(third)[0] == 200
        with pytest.raises(ConnectionError):
            client.ask("GET", "/healthz")
        begun.write(b"lthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one(begun)[0] == 200


def test_a_part_of_a_request_does_not_keep_its_place_for_ever(serve, monkeypatch):
    monkeypatch.setattr(local_server, "_GRACE_SECONDS", 0)
    server, client = serve(max_connections=1)
    with connected(server, head(Content_Length=10) + b"{") as begun:
        for _ in range(100):
            begun.write(b" ")
            if client.ask("GET", "/healthz")[0] == 200:
                return
    pytest.fail("a body that does not end keeps everyone out")


def test_a_connection_on_which_nothing_arrives_is_closed(serve):
    server, _ = serve(timeout_seconds=0.2)
    for nothing_more in (b"", b"GET /hea", head("GET", "/healthz")[:-2]):
        with connected(server, nothing_more) as connection:
            assert connection.read(100) == b""
    with connected(server, head("GET", "/healthz")) as connection:
        assert one(connection)[0] == 200 and connection.read(100) == b""
    with connected(server, head(Content_Length=10) + b"{") as connection:
        assert one(connection)[0] == 408 and connection.read(100) == b""


def test_the_end_answers_what_is_in_work_and_frees_the_port(serve, model_of, gate):
    server, client = serve(model_of(gate))
    idle = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    idle.request("GET", "/healthz")
    idle.getresponse().read()
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(client.predict, {"instances": ["a"]})
        assert gate.entered.acquire(timeout=30)
        ended = pool.submit(server.stop)
        assert idle.sock.recv(1) == b"" and not ended.done()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), 30)
        gate.open.set()
        assert asked.result(30)[0] == 200 and ended.result(30) == 0
    assert client.response.getheader("Connection") == "close"
    LocalServer(ServeConfig(model_dir="x", port=server.port)).stop()


def test_the_wait_at_the_end_is_bounded(serve, model_of, gate):
    server, client = serve(model_of(gate), shutdown_seconds=0.1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(client.predict, {"instances": ["a"]})
        assert gate.entered.acquire(timeout=30)
        assert server.stop() == 1
        gate.open.set()


def test_a_taken_port_and_addresses_that_cannot_be():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"`port={port}`: another program listens there"):
            LocalServer(ServeConfig(model_dir="x", port=port))
    for host in ("no.such.host.invalid", "203.0.113.1", "a" * 70):
        with pytest.raises(ConfigError, match="no address of this machine"):
            LocalServer(ServeConfig(model_dir="x", host=host, port=0))
