"""Servers on a free port, over models that need no TensorFlow."""

from __future__ import annotations

import contextlib
import http.client
import json

import numpy as np
import pytest

from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.local_server import LocalServer
from xtremedistil_tf.inference.server.model import ServedModel, ServedSignature, Spec

_TEXT, _INT, _FLOAT = Spec("string", (None,)), Spec("int32", (None, None)), Spec("float32", (None,))


def _lengths(inputs):
    return {"scores": np.array([len(text.decode()) / 10 for text in inputs["texts"]], np.float32)}


def _sums(inputs):
    return {"sums": inputs["input_ids"].sum(1), "longest": np.repeat(inputs["input_ids"].shape[1],
                                                                    len(inputs["input_ids"]))}


def text_model(call=_lengths) -> ServedModel:
    """A "regression": tenths of the characters of a text; and sums of ids."""
    texts = ServedSignature({"texts": _TEXT}, {"scores": _FLOAT}, call)
    ids = ServedSignature({"input_ids": _INT}, dict.fromkeys(["sums", "longest"], Spec("int32", (None,))), _sums)
    signatures = {"serving_default": texts, "raw_strings": texts, "token_ids": ids}
    return ServedModel(signatures, ["score"], "a test")


@pytest.fixture
def model_of():
    """`text_model`: makes a model from what its default signature calls."""
    return text_model


class Client:
    """One connection to a server, kept open."""

    def __init__(self, port: int):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method: str, path: str, body=None, headers=None):
        """Status and JSON of the response; `body` may be any JSON value or bytes."""
        encoded = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        typed = {"Content-Type": "application/json"} if method == "POST" else {}
        self.connection.request(method, path, encoded, typed | (headers or {}))
        self.response = self.connection.getresponse()
        text = self.response.read()
        assert self.response.getheader("Content-Length") is not None
        return self.response.status, json.loads(text) if text else None

    def predict(self, body, **headers):
        return self.ask("POST", "/v1/models/m:predict", body, headers)


@pytest.fixture
def serve():
    """Starts servers that end with the test: (model, **flags) -> (server, Client)."""
    with contextlib.ExitStack() as stack:
        def start(model=None, **flags):
            config = ServeConfig(**({"model_dir": "x", "port": 0, "serving_name": "m"} | flags))
            server = LocalServer(config)
            stack.callback(server.stop)
            server.api = Api(model or text_model(), config)
            server.start(server.api)
            client = Client(server.port)
            stack.callback(client.connection.close)
            return server, client

        yield start
