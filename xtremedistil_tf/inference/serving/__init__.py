"""A student on a TensorFlow Serving: clients for REST and gRPC, and a file of texts answered by one.

    with RestClient("http://localhost:8501", "xtremedistil") as client:
        for sentence in client.tag(["Ada Lovelace lived in London"]):
            print(sentence.entities)

Begin with `client.ServingClient`; `export.serving` writes the folder that the server reads.
"""

from __future__ import annotations

from xtremedistil_tf.inference.serving.answering import predict_file
from xtremedistil_tf.inference.serving.client import ServingClient, Signature
from xtremedistil_tf.inference.serving.grpc_client import GrpcClient
from xtremedistil_tf.inference.serving.rest_client import RestClient
from xtremedistil_tf.tasks.classification.formats import Label
from xtremedistil_tf.tasks.question_answering.formats import AnswerSpan
from xtremedistil_tf.tasks.regression.formats import Number
from xtremedistil_tf.tasks.tagging.answers import Entity, TaggedWord, Tagging

__all__ = [
    "AnswerSpan",
    "Entity",
    "GrpcClient",
    "Label",
    "Number",
    "RestClient",
    "ServingClient",
    "Signature",
    "TaggedWord",
    "Tagging",
    "predict_file",
]
