"""`run_xtreme_distil_serve.py` as a user runs it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.inference.server.run import run
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.model_directory import save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.registry import make_task

ROOT = pathlib.Path(__file__).resolve().parents[3]


SCRIPT = "run_xtreme_distil_serve.py"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory, tiny_tokenizer):
    path = tmp_path_factory.mktemp("model") / "out"
    task = make_task("tagging", ["O", "B-PER", "I-PER"])
    save_student(path, new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, 3)), tiny_tokenizer, task, {})
    return path


@contextlib.contextmanager
def serving(python, model_dir, *flags):
    """The process, its port and what it has printed."""
    process = subprocess.Popen([python, SCRIPT, f"--model_dir={model_dir}", "--port=0", *flags], cwd=ROOT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            printed += line
        yield process, int(re.search(r"http://127\.0\.0\.1:(\d+)/", printed)[1]), printed
    finally:
        process.kill()
        process.wait()


def head(length):
    return (b"POST /v1/models/xtremedistil:predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % length)


def test_it_serves_until_sigterm_and_then_answers_what_it_has_begun(model_dir, python):
    body = json.dumps({"instances": ["anna met москва", ""]}).encode()
    with serving(python, model_dir, "--shutdown_seconds=60") as (process, port, printed):
        assert "curl" in printed and f"http://127.0.0.1:{port}/v1/models/xtremedistil:predict" in printed
        with socket.create_connection(("127.0.0.1", port), 30) as begun:
            begun.sendall(head(len(body)) + body[:10])
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            client.request("GET", "/healthz")
            assert client.getresponse().read() == b'{"status": "ok"}\n'
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(ConnectionResetError):
                assert client.sock.recv(1) == b""  # it closes connections without a request
            begun.sendall(body[10:])
            response = begun.makefile("rb").read()
        assert process.wait(90) == 0
        errors = process.stderr.read()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
    assert b" 200 OK\r\n" in response and b"\r\nconnection: close\r\n" in response.lower()
    answers = json.loads(response.partition(b"\r\n\r\n")[2])["predictions"]
    assert [answer["words"][:answer["word_counts"]] for answer in answers] == [["anna", "met", "москва"], []]
    assert "Traceback" not in errors and "POST /v1/models/xtremedistil:predict HTTP/1.1: 200" in errors


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_it_though_a_request_never_arrives(model_dir, python):
    with serving(python, model_dir, "--shutdown_seconds=0.2") as (process, port, _):
        with socket.create_connection(("127.0.0.1", port), 30) as begun:
            begun.sendall(head(10) + b"{")
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            client.request("GET", "/healthz")
            client.getresponse().read()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        assert "1 connections were still at work" in process.stderr.read()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_sighup_serves_the_directory_anew(tmp_path, model_of):
    loads, answered = [], []

    def load(path):
        loads.append(path)
        return model_of()

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def clients():
        for signal_, version in ((signal.SIGHUP, "1"), (signal.SIGTERM, "2")):
            for _ in range(1000):
                with contextlib.suppress(OSError):
                    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                    client.request("GET", "/v1/models/m")
                    if json.loads(client.getresponse().read())["model_version_status"][0]["version"] == version:
                        break
                time.sleep(0.01)
            os.kill(os.getpid(), signal_)
            answered.append(version)

    before = {each: signal.getsignal(each) for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    thread = threading.Thread(target=clients)
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        thread.start()
        assert run(ServeConfig(model_dir=str(tmp_path), port=port, serving_name="m"), load)
    finally:
        thread.join(60)
        for each, handler in before.items():
            signal.signal(each, handler)
    assert loads == [tmp_path, tmp_path] and answered == ["1", "2"]


def failing(python, *flags):
    done = subprocess.run([python, SCRIPT, *flags], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    return done.stderr.strip()


def test_a_port_in_use_is_one_message(model_dir, python):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = failing(python, f"--model_dir={model_dir}", f"--port={port}")
    assert message == (f"error: --port={port}: another program listens there. Stop it, or give another port "
                       "(0: any free one).")


def test_no_model_is_one_message(tmp_path, python):
    message = failing(python, f"--model_dir={tmp_path}", "--port=0")
    assert message.startswith("error: ") and "xtremedistil-config.json: not found" in message


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "prometheus_client"])
def test_a_missing_extra_is_told_before_anything_is_loaded(package, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda wanted: None if wanted == package else object())
    with pytest.raises(MissingExtraError, match=rf"`{package}`.*pip install 'xtremedistil-tf\[server\]'"):
        run(ServeConfig(model_dir="x"), lambda path: pytest.fail("loaded"))


@pytest.mark.parametrize("flags, part", [
    ({}, "`model_dir` is required"), ({"port": 65536}, "at most 65535"), ({"host": ""}, "`host` is required"),
    ({"serving_name": "a/b"}, "`serving_name=a/b`"), ({"max_queue": 0}, "at least 1")])
def test_flags_are_checked(flags, part):
    with pytest.raises(ConfigError, match=part):
        ServeConfig(**(flags | ({"model_dir": "x"} if flags else {}))).validate()
