"""Opening model directories: what is read when, what is refused, and how long an input may be."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest
from transformers import BertTokenizerFast

from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import ConfigError, ModelLoadError
from xtremedistil_tf.inference.predictor import needs_tensorflow, open_predictor
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.metadata import CONFIG_FILE, is_complete, longest_input, read_metadata
from xtremedistil_tf.students.model_directory import load_student, save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.light import LightTokenizer

EXAMPLES = [Example(("anna", "met", "paris"))]


@pytest.fixture
def tagger(models, tmp_path):
    """A copy that may be changed."""
    return shutil.copytree(models.folder / "tagging", tmp_path / "out")


def change(folder, **facts):
    file = folder / CONFIG_FILE
    kept = {name: value for name, value in (json.loads(file.read_text()) | facts).items() if value != "gone"}
    file.write_text(json.dumps(kept))


def test_metadata_comes_first_and_the_file_at_the_first_answer(tagger):
    (tagger / "export" / "onnx" / "model_none.onnx").write_bytes(b"no graph")
    opened = open_predictor(tagger, "onnx")
    assert isinstance(opened.tokenizer, LightTokenizer)
    assert (opened.task.kind, opened.task.labels) == ("tagging", ["O", "B-LOC", "I-LOC"])
    assert opened.config["task"] == "t"
    for _ in range(2):
        with pytest.raises(ModelLoadError, match="ONNX Runtime cannot load it"):
            opened.predictor.predict(EXAMPLES)


def test_the_file_is_opened_once(models, tagger):
    predictor = open_predictor(tagger, "onnx").predictor
    first = predictor.predict(EXAMPLES)
    shutil.rmtree(tagger / "export")
    assert predictor.predict(EXAMPLES) == first


def test_the_keras_student(models):
    opened = open_predictor(models.folder / "regression")
    found = opened.predictor.predict([])
    assert found == [] and opened.task.kind == "regression" and opened.tokenizer.cls_token == "[CLS]"


def test_forms_that_are_missing_are_told_with_those_that_are_there(models):
    with pytest.raises(ModelLoadError, match=r"model_int8.onnx: not found. This directory has tflite, onnx\. Export it "
                                             "with: xtreme-distil export .* --formats=onnx --quantize=int8"):
        open_predictor(models.folder / "tagging", "onnx", "int8")
    with pytest.raises(ConfigError, match="`quantize=float16`: onnx is available as none, int8"):
        open_predictor(models.folder / "tagging", "onnx", "float16")


def test_what_is_no_model_directory(tmp_path):
    for ask in (lambda: open_predictor(tmp_path, "onnx"), lambda: needs_tensorflow(tmp_path, "onnx")):
        with pytest.raises(ModelLoadError, match=f"{CONFIG_FILE}: not found. Expected `model_dir`"):
            ask()


@pytest.mark.parametrize("asked", ["", "argmax", "legal"])
def test_tags_are_decoded_as_asked(tagger, asked):
    opened = open_predictor(tagger, "onnx", decoding=asked)
    assert opened.task.decoding == (asked or "legal")
    assert opened.config["decoding"] == (asked or "legal")
    with pytest.raises(ConfigError):
        open_predictor(tagger.parent / "out", "onnx", decoding="best")


def test_without_a_tokenizer_file_transformers_reads_what_there_is(models, tagger):
    os.remove(tagger / "tokenizer.json")
    opened = open_predictor(tagger, "onnx")
    assert isinstance(opened.tokenizer, BertTokenizerFast)
    assert opened.predictor.predict(EXAMPLES) == open_predictor(models.folder / "tagging",
                                                               "onnx").predictor.predict(EXAMPLES)


@pytest.mark.parametrize("form, needed", [
    ("keras", True), ("saved_model", True), ("serving://host:1", True), ("serving+http://host:1", False),
    ("onnx", False), ("tflite", False)])
def test_which_forms_need_tensorflow(models, form, needed):
    assert needs_tensorflow(models.folder / "tagging", form) == needed


def test_tflite_without_litert_needs_tensorflow(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert needs_tensorflow(models.folder / "tagging", "tflite")


ROBERTA = {"model_type": "roberta", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
           "intermediate_size": 8, "max_position_embeddings": 27, "pad_token_id": 0}
ENCODERS = {"bert": lambda size: new_encoder(size, 8, 1, 1, max_position_embeddings=30),
            "electra": lambda size: new_encoder(size, 8, 1, 1, embedding_size=4, max_position_embeddings=22),
            "roberta": lambda size: ROBERTA | {"vocab_size": size}}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_longest_input_of_a_transformer(tmp_path, tiny_tokenizer, name):
    task = TaggingTask(["O", "B-A", "I-A"])
    student = new_student(TransformerShape(ENCODERS[name](len(tiny_tokenizer)), task.num_outputs))
    save_student(tmp_path, student, tiny_tokenizer, task, {})
    assert read_metadata(tmp_path)["max_length"] == student.max_length
    assert longest_input(read_metadata(tmp_path)) == student.max_length
    change(tmp_path, max_length="gone")  # as directories were before
    assert is_complete(read_metadata(tmp_path)) == (name != "roberta")
    if name != "roberta":
        assert longest_input(read_metadata(tmp_path)) == student.max_length
    assert needs_tensorflow(tmp_path, "onnx") == (name == "roberta")
    assert load_student(tmp_path).student.max_length == student.max_length


def test_an_old_directory_of_another_transformer_is_built_to_know(tmp_path, tiny_tokenizer, monkeypatch):
    task = TaggingTask(["O", "B-A", "I-A"])
    student = new_student(TransformerShape(ENCODERS["roberta"](len(tiny_tokenizer)), task.num_outputs))
    save_student(tmp_path, student, tiny_tokenizer, task, {})
    change(tmp_path, max_length="gone")
    (tmp_path / "export" / "onnx").mkdir(parents=True)
    (tmp_path / "export" / "onnx" / "model_none.onnx").touch()
    longest = []

    class Runtime:
        def forward(self, batch):
            longest.append(batch["input_ids"].shape[1])
            return {"logits": student(batch)["logits"]}

    monkeypatch.setattr("xtremedistil_tf.inference.predictor.open_runtime", lambda *arguments: Runtime())
    found = open_predictor(tmp_path, "onnx").predictor.predict([Example(("anna", "met") * 40)])
    assert len(found[0]) == 80 and max(longest) == student.max_length == 24


def test_students_without_longest_input(models, tagger):
    assert longest_input(read_metadata(tagger)) is None
    change(tagger, max_length="gone")
    assert is_complete(read_metadata(tagger)) and longest_input(read_metadata(tagger)) is None
    found = open_predictor(tagger, "onnx").predictor.predict(EXAMPLES)
    assert found == open_predictor(models.folder / "tagging", "tflite").predictor.predict(EXAMPLES)
