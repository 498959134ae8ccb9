from __future__ import annotations

import pytest
from served_models import exported, model_server_module, server

__all__ = ["connect", "exported", "model_server_module", "server"]


@pytest.fixture(params=["rest", "grpc"])
def connect(request, server):
    """Makes a client of either protocol, patient with a busy machine."""
    from xtremedistil_tf.inference.serving.grpc_client import GrpcClient
    from xtremedistil_tf.inference.serving.rest_client import RestClient

    opened = []

    def make(model: str, timeout: float = 60.0, **options):
        options["timeout"] = timeout
        if request.param == "rest":
            opened.append(RestClient(f"http://127.0.0.1:{server.rest_port}", model, **options))
        else:
            opened.append(GrpcClient(f"127.0.0.1:{server.grpc_port}", model, **options))
        return opened[-1]

    yield make
    for client in opened:
        client.close()
