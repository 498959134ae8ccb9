"""What a file says of itself, read by parsers that are not ours; LiteRT answers from it as before."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
import tf_keras
from ai_edge_litert.interpreter import Interpreter
from metadata_reader import read_metadata
from tensorflow.lite.python import schema_py_generated as schema

from xtremedistil_tf.export.tflite import export_tflite
from xtremedistil_tf.export.tflite_raw_strings import export_raw_string_tflite
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.tagging import TaggingTask

TAGGING = TaggingTask(["O", "B-LOC", "I-LOC"], raw_words={"rule": "punctuation"})
CLASSES = ClassificationTask(["bad", "göod", "schön"])


def make_student(tokenizer, task, shape=BiLSTMShape):
    tf_keras.utils.set_random_seed(4)
    sizes = (8, 8, 8) if shape is BiLSTMShape else (8, 8, 2, 8)
    return new_student(shape(len(tokenizer), *sizes, task.num_outputs, per_piece=task.per_piece))


def logits(path, task):
    inputs = {"input_ids": np.array([[2, 9, 7, 8, 3]], np.int32), "attention_mask": np.ones((1, 5), np.int32)}
    if task.kind != "tagging":
        inputs["token_type_ids"] = np.zeros((1, 5), np.int32)
    return Interpreter(model_path=str(path)).get_signature_runner("token_ids")(**inputs)["logits"]


@pytest.mark.parametrize(["task", "shape", "quantization"], [
    (TAGGING, BiLSTMShape, "none"), (CLASSES, CNNShape, "dynamic"), (QuestionAnsweringTask(), CNNShape, "none")],
    ids=["tagging", "classification", "question_answering"])
def test_the_answers_are_those_without_metadata(tmp_path, tiny_tokenizer, task, shape, quantization):
    student = make_student(tiny_tokenizer, task, shape)
    plain = export_tflite(tmp_path / "plain", student, None, task, quantization)
    path = export_tflite(tmp_path, student, tiny_tokenizer, task, quantization)
    assert not zipfile.is_zipfile(plain)
    np.testing.assert_array_equal(logits(path, task), logits(plain, task))


def test_what_a_tagger_says_of_itself(tmp_path, tiny_tokenizer):
    path = export_tflite(tmp_path, make_student(tiny_tokenizer, TAGGING), tiny_tokenizer, TAGGING, "none")
    found = read_metadata(path)
    assert found["name"] == "tagging student" and found["min_parser_version"] == "1.1.0"
    graph, = found["subgraph_metadata"]
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(path.read_bytes(), 0))
    signature = model.signatureDefs[0]
    assert graph["name"] == signature.signatureKey.decode() == "token_ids"
    for ends, metadata, tensors in (
            (signature.inputs, graph["input_tensor_metadata"], model.subgraphs[0].inputs),
            (signature.outputs, graph["output_tensor_metadata"], model.subgraphs[0].outputs)):
        # Metadata goes by the order of the graph's tensors, which is not that of the signature.
        names = {item.tensorIndex: item.name.decode() for item in ends}
        assert [tensor["name"] for tensor in metadata] == [names[index] for index in tensors]
        assert all(tensor["description"] for tensor in metadata)
    assert graph["output_tensor_metadata"][0]["associated_files"] == [{"name": "labels.txt", "type": 2}]
    assert graph["input_process_units"] == [
        {"options_type": 4, "options": {"vocab_file": [{"name": "vocab.txt", "type": 5}]}}]
    assert [file["name"] for file in found["associated_files"]] == ["model.json", "words.json"]


def test_the_files_inside_are_those_beside(tmp_path, tiny_tokenizer):
    from xtremedistil_tf.export.tflite import write_side_files

    path = export_tflite(tmp_path, make_student(tiny_tokenizer, TAGGING), tiny_tokenizer, TAGGING, "none")
    write_side_files(tmp_path / "beside", tiny_tokenizer, TAGGING)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        # Phones read them where they lie.
        assert {file.compress_type for file in archive.infolist()} == {zipfile.ZIP_STORED}
        assert sorted(archive.namelist()) == ["labels.txt", "model.json", "vocab.txt", "words.json"]
        for name in archive.namelist():
            assert archive.read(name) == (tmp_path / "beside" / name).read_bytes()


def test_a_file_is_the_same_every_time(tmp_path, tiny_tokenizer):
    student = make_student(tiny_tokenizer, CLASSES, CNNShape)
    first, second = (export_tflite(tmp_path / name, student, tiny_tokenizer, CLASSES, "dynamic").read_bytes()
                     for name in "ab")
    assert first[-4000:] == second[-4000:]


def test_another_tokenizer_is_inside_as_its_own_file(tmp_path, tiny_tokenizer):
    import tokenizers
    from tokenizers import models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("▁a", -1.0), ("b", -2.0)], unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<unk>")
    path = export_tflite(tmp_path, make_student(tiny_tokenizer, CLASSES, CNNShape), tokenizer, CLASSES, "none")
    found = read_metadata(path)
    assert "input_process_units" not in found["subgraph_metadata"][0]
    assert [file["name"] for file in found["associated_files"]] == ["tokenizer.json", "model.json"]
    with zipfile.ZipFile(path) as archive:
        assert tokenizers.Tokenizer.from_str(archive.read("tokenizer.json").decode()).encode("ab").tokens == ["▁a", "b"]
        assert archive.read("labels.txt").decode() == "bad\ngöod\nschön\n"


def test_raw_strings_hold_their_labels(tmp_path, tiny_tokenizer):
    path = export_raw_string_tflite(tmp_path, make_student(tiny_tokenizer, CLASSES, CNNShape), tiny_tokenizer, CLASSES,
                                    "none")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["labels.txt", "model.json"]
        assert json.loads(archive.read("model.json"))["task"]["labels"] == CLASSES.labels
    assert read_metadata(path)["subgraph_metadata"][0]["name"] == "raw_strings"
