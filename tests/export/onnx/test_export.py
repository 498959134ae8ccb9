"""ONNX Runtime answers with the file as Keras does with the student."""

from __future__ import annotations

import collections
import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.export.onnx import export_onnx
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.transformer import TransformerShape

BATCHES = [([9, 4, 1], 9), ([5], 5), ([3], 12), ([6, 6], 6), ([1, 1, 2, 16], 16)]
BILSTMS = ["bilstm tagging", "bilstm classification", "bilstm regression", "bilstm question_answering"]
CNNS = ["cnn tagging", "cnn classification"]
TRANSFORMERS = ["scratch classification", "narrow question_answering", "roberta regression",
                "checkpoint tagging", "deberta tagging"]

WITHOUT_THE_PACKAGE = """
import json, sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
batch = {name: np.array(rows) for name, rows in json.load(sys.stdin).items()}
logits, = session.run(None, batch)
assert not {"xtremedistil_tf", "tensorflow"} & set(sys.modules)
json.dump(logits.tolist(), sys.stdout)
"""


@pytest.fixture(scope="module")
def exported(export, tasks, tiny_tokenizer, checkpoint_student):
    """By name; converting a transformer takes seconds."""
    made = {}

    def get(name: str):
        if name not in made:
            family, kind = name.split()
            made[name] = _make(export, family, tasks[kind], len(tiny_tokenizer), checkpoint_student)
        return made[name]

    return get


def _make(export, family: str, task, vocab: int, checkpoint_student):
    if family == "bilstm":
        return export(task.kind)
    if family == "checkpoint":
        return export(task.kind, student=checkpoint_student)
    if family == "cnn":
        return export(task.kind, CNNShape(vocab, 8, 6, 5, 10, task.num_outputs, gated=task.per_piece,
                                          per_piece=task.per_piece, projection_size=4))
    sizes = {"embedding_size": 4} if family == "narrow" else {}
    encoder = new_encoder(vocab, 8, 1, 2, max_position_embeddings=16, **sizes)
    if family == "roberta":
        encoder |= {"model_type": "roberta", "max_position_embeddings": 18, "type_vocab_size": 1,
                    "pad_token_id": 1}
    if family == "deberta":
        encoder |= {"model_type": "deberta-v2", "relative_attention": True, "pos_att_type": ["c2p", "p2c"],
                    "position_buckets": 4, "share_att_key": True, "type_vocab_size": 0,
                    "num_hidden_layers": 2}
    return export(task.kind, TransformerShape(encoder, task.num_outputs, per_piece=task.per_piece))


def _run(path, batch) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path))
    return session.run(["logits"], {name: values.astype(np.int64) for name, values in batch.items()})[0]


@pytest.mark.parametrize("name", BILSTMS + CNNS + TRANSFORMERS)
def test_logits(exported, name):
    made = exported(name)
    for lengths, time in BATCHES:
        batch = made.batch(lengths, time)
        found, wanted = _run(made.path, batch), made.wanted(batch)
        assert found.shape == wanted.shape and found.dtype == np.float32
        real = batch["attention_mask"] > 0 if made.task.per_piece else slice(None)
        np.testing.assert_allclose(found[real], wanted[real], atol=1e-5)


@pytest.mark.parametrize("name", [BILSTMS[0], BILSTMS[1], *CNNS, TRANSFORMERS[0]])
def test_padding_changes_nothing(exported, name):
    made = exported(name)
    short = made.batch([3], 3)
    long = {name: np.pad(values, ((0, 0), (0, 9))) for name, values in short.items()}
    found = _run(made.path, long)
    found = found[:, :3] if made.task.per_piece else found
    np.testing.assert_allclose(found, _run(made.path, short), atol=1e-6)


@pytest.mark.parametrize("name", [*BILSTMS, *CNNS, *TRANSFORMERS])
def test_interface(exported, name):
    made = exported(name)
    onnx.checker.check_model(str(made.path), full_check=True)
    model = onnx.load(str(made.path))
    assert [(found.domain, found.version) for found in model.opset_import] == [("", 17)]
    session = onnxruntime.InferenceSession(str(made.path))
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (made.task.kind != "tagging")
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        (name, "tensor(int64)", ["batch", "time"]) for name in names]
    axes = ["batch", "time"] if made.task.per_piece else ["batch"]
    assert [(o.name, o.type, o.shape) for o in session.get_outputs()] == [
        ("logits", "tensor(float)", [*axes, made.task.num_outputs])]


def test_a_convolutional_student_is_written_in_large_operators(exported):
    kinds = collections.Counter(node.op_type for node in onnx.load(str(exported("cnn tagging").path)).graph.node)
    assert kinds["LayerNormalization"] == 5 and kinds["MatMul"] == 5 + 3 and not {"Loop", "Reshape"} & set(kinds)


def test_metadata(exported, tiny_tokenizer):
    def facts(name):
        return onnxruntime.InferenceSession(str(exported(name).path)).get_modelmeta().custom_metadata_map

    texts = facts("scratch classification")
    assert json.loads(texts["labels"]) == ["bad", "fair", "gut \u2713"]
    assert (texts["task"], texts["max_length"], texts["quantization"]) == ("classification", "16", "none")
    assert json.loads(texts["special_token_ids"]) == {
        name: tiny_tokenizer.get_vocab()[f"[{name.upper()}]"]
        for name in ("unk", "sep", "pad", "cls", "mask")}
    answers = facts("bilstm question_answering")
    assert answers["max_length"] == ""
    assert json.loads(answers["options"])["null_threshold"] == 0.5


def test_in_a_process_without_the_package(exported):
    made = exported("checkpoint tagging")
    batch = made.batch([7, 2], 7)
    run = subprocess.run([sys.executable, "-c", WITHOUT_THE_PACKAGE, str(made.path)], text=True,
                         input=json.dumps({name: values.tolist() for name, values in batch.items()}),
                         capture_output=True, cwd=made.path.parent)
    assert run.returncode == 0, run.stderr
    real = batch["attention_mask"] > 0
    np.testing.assert_allclose(np.array(json.loads(run.stdout))[real], made.wanted(batch)[real], atol=1e-5)


def test_unknown_quantization(exported, tiny_tokenizer, tmp_path):
    made = exported(BILSTMS[0])
    with pytest.raises(ConfigError, match="`quantize=float16`: ONNX files are available as none or int8"):
        export_onnx(tmp_path / "m.onnx", made.student, tiny_tokenizer, made.task, "float16")


def test_missing_package(exported, tiny_tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "tf2onnx" else object())
    made = exported(TRANSFORMERS[0])
    with pytest.raises(MissingExtraError, match=r"`tf2onnx`.*xtremedistil-tf\[onnx\]"):
        export_onnx(tmp_path / "m.onnx", made.student, tiny_tokenizer, made.task, "none")
    assert not list(tmp_path.iterdir())
