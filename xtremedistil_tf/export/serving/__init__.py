"""TensorFlow Serving: the folder that a server reads, and clients for REST and gRPC.

    with RestClient("http://localhost:8501", "xtremedistil") as client:
        for sentence in client.tag(["Ada Lovelace lived in London"]):
            print(sentence.entities)
"""

from __future__ import annotations

from xtremedistil_tf.export.serving.client import ServingClient, Signature
from xtremedistil_tf.export.serving.files import predict_file
from xtremedistil_tf.export.serving.grpc_client import GrpcClient
from xtremedistil_tf.export.serving.layout import export_serving
from xtremedistil_tf.export.serving.rest_client import RestClient
from xtremedistil_tf.tasks.classification.raw_text import Label
from xtremedistil_tf.tasks.question_answering.raw_text import AnswerSpan
from xtremedistil_tf.tasks.regression.raw_text import Number
from xtremedistil_tf.tasks.tagging.raw_text import Entity, TaggedWord, Tagging

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
           "export_serving",
           "predict_file",
]
