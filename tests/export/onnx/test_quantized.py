"""int8: a quarter of the size, nearly the same answers."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from xtremedistil_tf.export.onnx_graph import new_model
from xtremedistil_tf.onnx_graphs import quantized_model
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.tagging import TaggingTask

VOCAB = 2000


ENCODER = new_encoder(VOCAB, 96, 1, 2, max_position_embeddings=16)
# DeBERTa has branches, which the quantizer of ONNX Runtime puts before what they read.
DEBERTA = {"model_type": "deberta-v2", "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
           "position_buckets": 4, "share_att_key": True, "type_vocab_size": 0}
SHAPES = {"bilstm": BiLSTMShape(VOCAB, 48, 48, 96, 5), "cnn": CNNShape(VOCAB, 48, 48, 4, 96, 5),
          "bert": TransformerShape(ENCODER, 5), "deberta": TransformerShape(ENCODER | DEBERTA, 5)}


@pytest.fixture(scope="module", params=SHAPES)
def pair(request, export):
    """The same student in float32 and in int8."""
    exact = export("tagging", SHAPES[request.param])
    return exact, export("tagging", student=exact.student, quantization="int8")


def _logits(made, batch) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(made.path))
    found = session.run(["logits"], {name: values.astype(np.int64) for name, values in batch.items()})[0]
    return found[batch["attention_mask"] > 0]


def test_size(pair):
    exact, small = (made.path.stat().st_size for made in pair)
    assert small < 0.42 * exact  # a quarter, and the scales, constants and names, which count in a file this small


def test_weights_are_integers(pair):
    model = onnx.load(str(pair[1].path))
    kinds = {node.op_type for node in model.graph.node}
    assert kinds & {"DynamicQuantizeLSTM", "MatMulInteger"} and "LSTM" not in kinds
    floats = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    assert max(np.prod(tensor.dims) for tensor in floats) <= VOCAB  # biases and scales
    onnx.checker.check_model(str(pair[1].path))
    assert {found.key: found.value for found in model.metadata_props}["quantization"] == "int8"
    assert {node.domain for node in model.graph.node} <= {one.domain for one in model.opset_import}
    assert model.producer_name == "xtremedistil-tf"


def test_answers_agree(pair):
    batch = pair[0].batch([16] * 30 + [9, 1], 16)
    exact, found = (_logits(made, batch) for made in pair)
    wanted = pair[0].wanted(batch)[batch["attention_mask"] > 0]
    np.testing.assert_allclose(exact, wanted, atol=1e-4)
    assert np.abs(found - wanted).mean() < 0.05 * wanted.std()
    assert (found.argmax(-1) == wanted.argmax(-1)).mean() > 0.95


def test_answers_do_not_depend_on_the_other_rows(pair):
    """Beside long rows, alone, and beside rows of another range."""
    lengths = [16, 3, 9, 1, 16, 5, 12, 2]
    batch = pair[1].batch(lengths, 16)
    together = np.split(_logits(pair[1], batch), np.cumsum(lengths)[:-1])
    for row, length in enumerate(lengths):
        alone = _logits(pair[1], {name: values[row:row + 1, :length] for name, values in batch.items()})
        np.testing.assert_allclose(alone, together[row], atol=2e-5)


def test_rows_of_a_table_have_scales_of_their_own():
    table = np.random.default_rng(0).normal(size=(70_000, 1)) * np.logspace(-3, 3, 8)
    table = table.astype(np.float32)
    table[7] = 0
    nodes = [onnx.helper.make_node("Gather", ["table", "input_ids"], ["logits"])]
    model = new_model(TaggingTask(["O"] + [f"B-{i}" for i in range(7)]), nodes,
                      [numpy_helper.from_array(table, "table")])
    quantized = quantized_model(model)
    assert quantized.ByteSize() < 0.4 * model.ByteSize()  # 8 columns only: the scales are half a row
    ids = np.array([[0, 7, 69_999], [5, 5, 1]])
    found = onnxruntime.InferenceSession(quantized.SerializeToString()).run(
        None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    step = np.abs(table).max(1, keepdims=True) / 127
    assert (np.abs(found - table[ids]) <= 0.501 * step[ids]).all()
