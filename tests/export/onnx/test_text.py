"""Texts in, answers out: the file in a process that has nothing of this package, against the student's own graph."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from xtremedistil_tf.errors import ConfigError, MissingExtraError
from xtremedistil_tf.export import onnx_text_run
from xtremedistil_tf.export.onnx_text import export_onnx_text
from xtremedistil_tf.export.sentencepiece import sentencepiece_model
from xtremedistil_tf.students.bilstm import BiLSTMShape

TEXTS = ["anna met the para", "москва to paris", "the", "the paris of anna met"]
PROGRAM = """
import json, sys
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(sys.argv[3])  # the package would import transformers
session = onnxruntime.InferenceSession(sys.argv[1], options)
names = [value.name for value in session.get_outputs()]
answers = [dict(zip(names, (value.tolist() for value in session.run(None, {"texts": np.array([text])}))))
           for text in json.loads(sys.argv[2])]
assert "xtremedistil_tf" not in sys.modules
print(json.dumps([answers, session.get_modelmeta().custom_metadata_map]))
"""


def answered(path):
    library = pytest.importorskip("onnxruntime_extensions").get_library_path()
    assert onnx_text_run.library() == library
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path), json.dumps(TEXTS), library], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def logits(made, encoding):
    session = onnxruntime.InferenceSession(str(made.path))
    inputs = {value.name: np.array([encoding.get(value.name, [0] * len(encoding["input_ids"]))])
              for value in session.get_inputs()}
    return session.run(["logits"], inputs)[0]


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_tagger(export, tiny_tokenizer, tmp_path, quantization):
    made = export("tagging", quantization=quantization)
    pytest.importorskip("onnxruntime_extensions")
    path = export_onnx_text(tmp_path / "text.onnx", made.student, tiny_tokenizer, made.task, quantization)
    answers, about = answered(path)
    labels, later = json.loads(about["labels"]), 0
    for text, answer in zip(TEXTS, answers, strict=True):
        encoding = tiny_tokenizer(text)
        pieces = tiny_tokenizer.convert_ids_to_tokens(encoding["input_ids"])[1:-1]
        assert answer["pieces"] == pieces and answer["ids"] == encoding["input_ids"][1:-1]
        wanted = logits(made, encoding)[0, 1:-1]
        for place, piece in enumerate(pieces):
            if piece.startswith("##"):
                later += 1
                assert answer["tags"][place] == answer["tags"][place - 1].replace("B-", "I-")
            else:
                np.testing.assert_allclose(answer["logits"][place][:5], wanted[place], atol=1e-4)
                assert answer["tags"][place] == labels[wanted[place].argmax()]
                powers = np.exp(wanted[place] - wanted[place].max())
                assert answer["scores"][place] == pytest.approx(powers.max() / powers.sum(), rel=1e-3)
    assert later > 2 and about["task"] == "tagging" and about["quantization"] == quantization


@pytest.mark.parametrize("kind", ["classification", "multi_label", "regression"])
def test_texts(export, tiny_tokenizer, tmp_path, kind):
    made = export(kind)
    pytest.importorskip("onnxruntime_extensions")
    answers, _ = answered(export_onnx_text(tmp_path / "text.onnx", made.student, tiny_tokenizer, made.task, "none"))
    for text, answer in zip(TEXTS, answers, strict=True):
        wanted = logits(made, tiny_tokenizer(text))[0]
        np.testing.assert_allclose(answer["logits"][0], wanted, atol=1e-4)
        if kind == "regression":
            assert answer["values"] == pytest.approx(wanted, abs=1e-4)
        elif kind == "multi_label":
            np.testing.assert_allclose(answer["probabilities"][0], 1 / (1 + np.exp(-wanted)), atol=1e-4)
        else:
            assert answer["labels"] == [made.task.labels[wanted.argmax()]]
            assert sum(answer["probabilities"][0]) == pytest.approx(1, abs=1e-5)


def test_sentencepiece(tmp_path, tasks):
    """A unigram tokenizer: the same ids, and where pieces begin."""
    pytest.importorskip("onnxruntime_extensions")
    import tf_keras

    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer

    tokenizer = train_tokenizer(TEXTS * 20, 60, "unigram", at_most=True)
    tf_keras.utils.set_random_seed(2)
    student = new_student(BiLSTMShape(len(tokenizer), 8, 6, 10, tasks["tagging"].num_outputs))
    answers, _ = answered(export_onnx_text(tmp_path / "text.onnx", student, tokenizer, tasks["tagging"], "none"))
    for text, answer in zip(TEXTS, answers, strict=True):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert answer["ids"] == ids and len(answer["starts"]) == len(ids)
        assert answer["starts"][0] == 0 and answer["starts"] == sorted(answer["starts"])
    assert sentencepiece_model(json.loads(tokenizer.backend_tokenizer.to_str()))


@pytest.mark.parametrize("lowercase", [True, False])
def test_what_the_operator_does_not_lower_case_is_said(lowercase, tmp_path, caplog):
    """The pieces of `Ł` and `ź` by the operator, against the tokenizer's own."""
    extensions = pytest.importorskip("onnxruntime_extensions")
    from onnx import TensorProto, helper
    from transformers import BertTokenizerFast

    from xtremedistil_tf.export.onnx_text_graph import DOMAIN, tokenizer_nodes

    letters = ["l", "ł", "o", "d", "z"] + ["Ł", "ó", "ź"] * (not lowercase)
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)]
    (tmp_path / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"), do_lower_case=lowercase)
    nodes = tokenizer_nodes(tokenizer)
    assert ("in Latin-1 only" in caplog.text) == lowercase
    graph = helper.make_graph(nodes.nodes, "pieces", [helper.make_tensor_value_info("texts", TensorProto.STRING, [1])],
                              [helper.make_tensor_value_info("body_ids", TensorProto.INT64, None)], nodes.tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(extensions.get_library_path())
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    found, = session.run(None, {"texts": np.array(["Łódź"])})
    assert (found.tolist() == tokenizer("Łódź", add_special_tokens=False)["input_ids"]) != lowercase


def test_refused(export, tiny_tokenizer, tmp_path, monkeypatch):
    made = export("question_answering")
    with pytest.raises(ConfigError, match="takes one text"):
        export_onnx_text(tmp_path / "x.onnx", made.student, tiny_tokenizer, made.task, "none")
    tagger = export("tagging")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="onnx-text"):
        export_onnx_text(tmp_path / "x.onnx", tagger.student, tiny_tokenizer, tagger.task, "none")
    assert not (tmp_path / "x.onnx").exists()


def test_a_tokenizer_of_another_kind(tasks, tmp_path):
    pytest.importorskip("onnxruntime_extensions")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE(vocab={"a": 0, "<unk>": 1, "<pad>": 2}, merges=[], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>")
    with pytest.raises(ConfigError, match="model is BPE instead of WordPiece"):
        export_onnx_text(tmp_path / "x.onnx", None, tokenizer, tasks["tagging"], "none")
