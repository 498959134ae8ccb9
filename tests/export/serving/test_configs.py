"""The server's files: those with published messages are parsed as these, the others as what they claim to be."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.serving_configs import fixed_files, models_config
from xtremedistil_tf.inference.serving.client import MAX_BATCH

FIELD = descriptor_pb2.FieldDescriptorProto


def message(name: str, **fields):
    """A message that the wheel of TensorFlow Serving leaves out. Fields: name -> type, a wrapper's name, or fields of
    a message inside."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="t", syntax="proto3",
                                              dependency=["google/protobuf/wrappers.proto"])

    def add(name, fields):
        found = file.message_type.add(name=name)
        for number, (key, kind) in enumerate(fields.items(), 1):
            field = found.field.add(name=key, number=number, label=FIELD.LABEL_OPTIONAL)
            if isinstance(kind, int):
                field.type = kind
            else:
                field.type = FIELD.TYPE_MESSAGE
                field.type_name = f".t.{key}" if isinstance(kind, dict) else f".google.protobuf.{kind}"
                if isinstance(kind, dict):
                    add(key, kind)

    add(name, fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"t.{name}"))


@pytest.fixture(scope="module")
def files():
    return fixed_files("ner.v-2")


def test_models(tmp_path):
    config = text_format.Parse(models_config(tmp_path / "models.config", "ner"), ModelServerConfig())
    (model,) = config.model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("ner", "/serving/models/ner", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 1


def test_a_model_joins_those_that_are_there(tmp_path):
    path = tmp_path / "models.config"
    path.write_text("""model_config_list { config { name: "old" base_path: "/a" model_platform: "tensorflow"
        model_version_policy { specific { versions: 3 } } version_labels { key: "stable" value: 3 } } }""")
    old = text_format.Parse(path.read_text(), ModelServerConfig()).model_config_list.config[0]
    config = text_format.Parse(models_config(path, "new"), ModelServerConfig())
    assert [model.name for model in config.model_config_list.config] == ["old", "new"]
    assert config.model_config_list.config[0] == old
    assert models_config(path, "old") is None


def test_a_damaged_list_of_models(tmp_path):
    (tmp_path / "models.config").write_text("model_config_list {")
    with pytest.raises(ConfigError, match="models.config: not a ModelServerConfig"):
        models_config(tmp_path / "models.config", "ner")


def test_batching(files):
    kind = message("BatchingParameters", max_batch_size="Int64Value", batch_timeout_micros="Int64Value",
                   max_enqueued_batches="Int64Value", num_batch_threads="Int64Value", thread_pool_name="StringValue",
                   enable_large_batch_splitting="BoolValue", pad_variable_length_inputs=FIELD.TYPE_BOOL)
    found = text_format.Parse(files["batching.config"], kind())
    assert found.max_batch_size.value == MAX_BATCH and found.max_enqueued_batches.value > 1
    assert not found.enable_large_batch_splitting.value and not found.pad_variable_length_inputs


def test_monitoring(files):
    kind = message("MonitoringConfig", prometheus_config={"enable": FIELD.TYPE_BOOL, "path": FIELD.TYPE_STRING})
    found = text_format.Parse(files["monitoring.config"], kind()).prometheus_config
    assert found.enable and found.path == "/monitoring/prometheus/metrics"


def test_both_ways_to_start_are_the_same(files):
    service = yaml.safe_load(files["docker-compose.yml"])["services"]["serving"]
    docker = files["Dockerfile"]
    version = re.search(r"^ARG TF_SERVING_VERSION=(\d+\.\d+\.\d+)$", docker, re.M)[1]
    assert service["image"] == f"tensorflow/serving:${{TF_SERVING_VERSION:-{version}}}"
    assert "FROM tensorflow/serving:${TF_SERVING_VERSION}\n" in docker
    command = re.search(r"^CMD (\[.*\])", docker, re.M | re.S)[1].replace("\\\n", "")
    assert yaml.safe_load(command) == service["command"]
    for argument in service["command"]:
        name = argument.partition("=/serving/")[2]
        assert not name or (name in {*files, "models.config"} and name in re.search("^COPY (.*)", docker, re.M)[1])
    assert service["volumes"] == [".:/serving:ro"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


@pytest.mark.parametrize(["name", "status"], [("ner.v-2", 0), ("other", 1)])
def test_the_health_check_asks_for_the_model(files, exported, server, name, status):
    server.served.add(name, 1, exported("classification").path)
    test = yaml.safe_load(files["docker-compose.yml"])["services"]["serving"]["healthcheck"]["test"]
    assert test[0] == "CMD"
    command = [part.replace("/8501", f"/{server.rest_port}") for part in test[1:]]
    assert subprocess.run(command, timeout=60).returncode == status
