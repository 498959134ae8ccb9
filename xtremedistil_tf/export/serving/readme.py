"""The README of a folder for TensorFlow Serving."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from xtremedistil_tf.export.serving.configs import METRICS_PATH
from xtremedistil_tf.tasks.registry import KINDS

_TEXTS = {"texts": "Ada Lovelace lived in London", "pairs": "Ada Lovelace lived in England",
          "questions": "Where did Ada Lovelace live?", "contexts": "Ada Lovelace lived in London."}
_IDS = {"input_ids": [1, 2, 3], "attention_mask": [1, 1, 1], "token_type_ids": [0, 0, 0]}


def readme(name: str, kind: str, signatures: Mapping[str, Sequence[str]]) -> str:
    """The commands to start and ask the server.

    Args:
        name: of the model.
        kind: of the task.
        signatures: the inputs of each signature.
    """
    raw = signatures.get("raw_strings", ())
    ids = {column: [_IDS[column]] for column in signatures["token_ids"]}
    if raw:
        body = json.dumps({"inputs": {column: [_TEXTS[column]] for column in raw}})
        call = f"client.{KINDS[kind].raw_text.method}({', '.join(json.dumps([_TEXTS[column]]) for column in raw)})"
    else:
        body, call = json.dumps({"signature_name": "token_ids", "inputs": ids}), f"client.token_ids({ids})"
    return f"""\
# Model `{name}` for TensorFlow Serving

Every export writes this file again; the other files are yours to edit and stay as they are.

    models/{name}/<version>/   a SavedModel, with requests to warm up in assets.extra/
    models.config              which models and versions are served
    batching.config            how requests are batched
    monitoring.config          metrics for Prometheus
    Dockerfile                 an image with the models inside
    docker-compose.yml         a server that reads this folder

The warm-up requests hold texts of the data that the model was exported with.

## Start

    docker compose up -d
    curl http://localhost:8501/v1/models/{name}

## Ask by REST

    curl -d '{body}' http://localhost:8501/v1/models/{name}:predict

## Ask from Python

```python
from xtremedistil_tf.export.serving import GrpcClient, RestClient

with RestClient("http://localhost:8501", "{name}") as client:
    print({call})
with GrpcClient("localhost:8500", "{name}") as client:  # pip install 'xtremedistil-tf[serving]'
    print({call})
```

## Metrics

    curl http://localhost:8501{METRICS_PATH}

## New versions

Export again into this folder: the next version appears complete, and the server loads it and drops the old one
without a pause. To go back, name the old version in models.config (`specific {{ versions: 1 }}` instead of
`latest`); the server looks at that file every minute.
"""
