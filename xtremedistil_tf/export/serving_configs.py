"""The files that a TensorFlow Serving is started with."""

from __future__ import annotations

import pathlib

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.serving.client import MAX_BATCH

MODELS, BATCHING, MONITORING = "models.config", "batching.config", "monitoring.config"
# The sources of this release link TensorFlow Text 2.20.0; those of 2.16 to 2.19.1 link 2.12.1.
SERVER_VERSION = "2.20.0"
METRICS_PATH = "/monitoring/prometheus/metrics"
_HOME = "/serving"
_ARGUMENTS = (f"--model_config_file={_HOME}/{MODELS}", "--model_config_file_poll_wait_seconds=60",
              "--enable_batching", f"--batching_parameters_file={_HOME}/{BATCHING}",
              f"--monitoring_config_file={_HOME}/{MONITORING}")

_BATCHING = f"""\
# BatchingParameters: requests that arrive together are answered as one batch.
# No text waits for others to come: a batch is what has gathered while the cores were busy.
batch_timeout_micros {{ value: 0 }}
# Texts of a batch, and so of one request.
max_batch_size {{ value: {MAX_BATCH} }}
# More waiting batches than this are refused with UNAVAILABLE (REST: 503); clients come back later.
max_enqueued_batches {{ value: 100 }}
# Parts of a split request would be padded to different lengths and could not be joined again.
enable_large_batch_splitting {{ value: false }}
# The server pads with the first value of a tensor: an attention_mask with ones. Never pad token ids here.
pad_variable_length_inputs: false
# num_batch_threads: as many as there are cores.
"""

_MONITORING = f"""\
# MonitoringConfig: metrics for Prometheus on the REST port.
prometheus_config {{
  enable: true
  path: "{METRICS_PATH}"
}}
"""

_VERSION_REASON = """\
# The signatures for texts run operations of TensorFlow Text inside the server. Release 2.20.0 links
# TensorFlow Text 2.20.0; releases 2.16 to 2.19.1 link 2.12.1."""


def models_config(path: pathlib.Path, name: str) -> str | None:
    """The text of `models.config` with the model in it; None where the file has it already.

    Raises:
        ConfigError: the file is there and cannot be understood.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    config = ModelServerConfig()
    if path.exists():
        try:
            text_format.Parse(path.read_text(encoding="utf-8"), config)
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not a ModelServerConfig ({error}). Correct or delete it.") from error
        if any(model.name == name for model in config.model_config_list.config):
            return None
    model = config.model_config_list.config.add(name=name, base_path=f"{_HOME}/models/{name}",
                                                model_platform="tensorflow")
    model.model_version_policy.latest.num_versions = 1
    return text_format.MessageToString(config)


def fixed_files(name: str) -> dict[str, str]:
    """File name -> text of all that does not depend on what else is in the folder.

    Args:
        name: the model that tells whether the server is healthy.
    """
    return {BATCHING: _BATCHING, MONITORING: _MONITORING, "Dockerfile": _dockerfile(),
            "docker-compose.yml": _compose(name)}


def _dockerfile() -> str:
    arguments = ", \\\n     ".join(f'"{argument}"' for argument in _ARGUMENTS)
    return f"""\
# One image with the models inside: docker build -t my-models .
{_VERSION_REASON}
ARG TF_SERVING_VERSION={SERVER_VERSION}
FROM tensorflow/serving:${{TF_SERVING_VERSION}}
COPY {MODELS} {BATCHING} {MONITORING} {_HOME}/
COPY models {_HOME}/models
# gRPC, REST
EXPOSE 8500 8501
CMD [{arguments}]
"""


def _compose(name: str) -> str:
    arguments = "\n".join(f"      - {argument}" for argument in _ARGUMENTS)
    return f"""\
# The models of this folder, served from here: new versions are picked up while the server runs.
services:
  serving:
{_indented(_VERSION_REASON)}
    image: tensorflow/serving:${{TF_SERVING_VERSION:-{SERVER_VERSION}}}
    command:
{arguments}
    volumes:
      # The whole folder: a single file that is replaced would stay the old one inside.
      - .:{_HOME}:ro
    ports:
      # This machine only: the server has no authentication. gRPC, then REST.
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    restart: unless-stopped
    healthcheck:
      # The image has no curl.
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /v1/models/{name} HTTP/1.1\\r\\nHost: localhost\\r\\n' >&3 &&
          printf 'Connection: close\\r\\n\\r\\n' >&3 &&
          grep -q '"state": *"AVAILABLE"' <&3
      interval: 10s
      timeout: 5s
      retries: 6
      start_period: 30s
"""


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
