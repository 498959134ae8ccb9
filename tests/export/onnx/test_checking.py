"""Graphs that are wrong are refused, and nothing is written."""

from __future__ import annotations

import onnx
import pytest

from xtremedistil_tf.errors import ConfigError, ExportCheckError
from xtremedistil_tf.export import onnx_graph as bilstm
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.transformer import TransformerShape


@pytest.fixture
def broken(export, tiny_tokenizer, tmp_path, monkeypatch):
    """Exports a BiLSTM whose graph is changed before; nothing may be left behind."""
    made = export("tagging")

    def write(change):
        def changed(*arguments, **options):
            model = right(*arguments, **options)
            change(model.graph)
            return model

        right = bilstm.bilstm_model
        monkeypatch.setattr(bilstm, "bilstm_model", changed)
        try:
            export_onnx(tmp_path / "m.onnx", made.student, tiny_tokenizer, made.task, "none")
        finally:
            assert not list(tmp_path.iterdir())

    return write


def test_lengths_that_a_converter_lost(broken):
    def forget_lengths(graph: onnx.GraphProto) -> None:
        next(node for node in graph.node if node.op_type == "LSTM").input[4] = ""

    with pytest.raises(ExportCheckError, match="m.onnx was not written: its logits differ"):
        broken(forget_lengths)


def test_operations_that_do_not_exist(broken):
    def misspell(graph: onnx.GraphProto) -> None:
        next(node for node in graph.node if node.op_type == "Erf").op_type = "Erfc"

    with pytest.raises(ExportCheckError, match="(?s)the ONNX graph of this student is not valid.*Erfc"):
        broken(misspell)


def test_graphs_that_cannot_run(broken):
    def narrow(graph: onnx.GraphProto) -> None:
        kernel = next(tensor for tensor in graph.initializer if tensor.name == "head_kernel")
        kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel)[1:], kernel.name))

    with pytest.raises(ExportCheckError, match="is not valid"):
        broken(narrow)


def test_what_the_converter_complained_of_is_told(export, tiny_tokenizer, tmp_path, monkeypatch, caplog):
    from xtremedistil_tf import onnx_rewriting as rewriting

    # Without them there is an Erfc, which tf2onnx does not know.
    monkeypatch.setattr(rewriting, "REWRITERS", ())
    with pytest.raises(ExportCheckError, match="(?s)is not valid.*tf2onnx said: .*Erfc"):
        export("tagging", TransformerShape(new_encoder(len(tiny_tokenizer), 8, 1, 2), 5))
    assert not caplog.records


def test_students_too_large_for_one_file(export, tiny_tokenizer, tmp_path, monkeypatch):
    from xtremedistil_tf.export import onnx as module

    made = export("tagging")
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    with pytest.raises(ConfigError, match="weights take"):
        export_onnx(tmp_path / "m.onnx", made.student, tiny_tokenizer, made.task, "none")
