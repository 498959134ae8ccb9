"""Triton's model repository: its configuration by Triton's own message, and that it fits the graph."""

from __future__ import annotations

import importlib.util
import pathlib
import sys

import numpy as np
import onnxruntime
import pytest
from google.protobuf import text_format
from tokenizers import Tokenizer

from xtremedistil_tf.export.triton import export_triton
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TASKS = {"tagging": TaggingTask(["O", "B-LOC", "I-LOC"]), "classification": ClassificationTask(["bad", "good"]),
         "multi_label": MultiLabelTask(["a", "b", "c"]), "regression": RegressionTask(),
         "question_answering": QuestionAnsweringTask()}
FILES = [*((kind, "none") for kind in TASKS), ("tagging", "int8"), ("classification", "int8")]
TYPES = {"tensor(int64)": "TYPE_INT64", "tensor(float)": "TYPE_FP32"}


@pytest.fixture(scope="session")
def messages():
    """tritonclient's model_config_pb2, without the packages that its clients need."""
    found = importlib.util.find_spec("tritonclient")
    if found is None:
        pytest.skip("tritonclient is not installed: pip install --no-deps tritonclient")
    file = pathlib.Path(found.submodule_search_locations[0]) / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", file)
    module = sys.modules.setdefault("model_config_pb2", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exported(tmp_path_factory, tiny_tokenizer):
    folder = tmp_path_factory.mktemp("triton")
    for kind, quantization in FILES:
        task = TASKS[kind]
        student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs, per_piece=task.per_piece))
        export_triton(folder / f"{kind}_{quantization}", student, tiny_tokenizer, task, quantization)
    return folder


@pytest.mark.parametrize(["kind", "quantization"], FILES)
def test_the_configuration_is_that_of_the_graph(messages, exported, kind, quantization):
    folder = exported / f"{kind}_{quantization}"
    config = text_format.Parse((folder / "config.pbtxt").read_text(encoding="utf-8"), messages.ModelConfig())
    session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))
    assert config.backend == "onnxruntime" and not config.name  # its folder's
    for given, values in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        assert [one.name for one in given] == [value.name for value in values]
        for one, value in zip(given, values):
            assert messages.DataType.Name(one.data_type) == TYPES[value.type]
            # Triton leaves the batch out.
            assert list(one.dims) == [-1 if isinstance(size, str) or size is None else size for size in value.shape[1:]]
    assert [one.kind for one in config.instance_group] == [messages.ModelInstanceGroup.KIND_CPU]


@pytest.mark.parametrize(["kind", "quantization"], [("tagging", "none"), *FILES[-2:]])
def test_rows_that_are_answered_together_do_not_touch_one_another(messages, exported, kind, quantization):
    folder = exported / f"{kind}_{quantization}"
    config = text_format.Parse((folder / "config.pbtxt").read_text("utf-8"), messages.ModelConfig())
    assert config.HasField("dynamic_batching") and config.max_batch_size == 64
    session = onnxruntime.InferenceSession(str(folder / "1" / "model.onnx"))
    ids = np.random.default_rng(0).integers(1, 70, (4, 9))
    rows = {one.name: np.zeros_like(ids) if one.name == "token_type_ids" else np.ones_like(ids)
            for one in session.get_inputs()} | {"input_ids": ids}
    alone = np.concatenate([session.run(None, {name: values[row:row + 1] for name, values in rows.items()})[0]
                            for row in range(4)])
    np.testing.assert_allclose(session.run(None, rows)[0], alone, atol=2e-6)


def test_what_clients_need_is_beside(exported, tiny_tokenizer):
    folder = exported / "classification_none"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert tokenizer.encode("anna met").ids == tiny_tokenizer("anna met")["input_ids"]
    assert (folder / "labels.txt").read_text(encoding="utf-8") == "bad\ngood\n"
    assert 'label_filename: "labels.txt"' in (folder / "config.pbtxt").read_text(encoding="utf-8")
    assert "label_filename" not in (exported / "tagging_none" / "config.pbtxt").read_text(encoding="utf-8")
    assert (exported / "tagging_none" / "words.json").exists()
