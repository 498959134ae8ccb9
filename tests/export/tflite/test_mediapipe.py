"""Files for MediaPipe's text classifier: run by MediaPipe itself where it is installed, else by LiteRT."""

from __future__ import annotations

import importlib.util
import json
import os
import string
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from metadata_reader import read_metadata
from tensorflow.lite.python import schema_py_generated as schema
from transformers import BertTokenizerFast

from xtremedistil_tf.corpus.example import TextExample
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.export.mediapipe import export_mediapipe, predictor_of, warn_of_other_reading, why_not
from xtremedistil_tf.inference.predictor import Predictor, StudentPredictor
from xtremedistil_tf.inference.runtimes import MediaPipeRuntime
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.regression import RegressionTask
from xtremedistil_tf.tasks.tagging import TaggingTask

LENGTH = 32
CLASSES, LABELS = ClassificationTask(["bad", "fair", "göod"]), MultiLabelTask(["art", "law", "war"])
TEXTS = ["The FILM was good!", "a bad, bad day...", "", "  ", "don't stop-now", "3.50 $ (net)", "日本 film",
         "unbelievably-long-words " * 9, "x" * 60, "tab\tand\nline"]
# Only text is wanted, whose package imports those of pictures and sound.
PROGRAM = """
import json, sys, types
for name in ("cv2", "sounddevice"):
    sys.modules.setdefault(name, types.ModuleType(name))
from mediapipe.tasks.python.text import TextClassifier
classifier = TextClassifier.create_from_model_path(sys.argv[1])
for text in json.load(sys.stdin):
    found, = classifier.classify(text).classifications
    print(json.dumps([found.head_name, {one.category_name: one.score for one in found.categories}]))
"""
needs_mediapipe = pytest.mark.skipif(importlib.util.find_spec("mediapipe") is None,
                                     reason="mediapipe is not installed: pip install --no-deps mediapipe")


@pytest.fixture(scope="module")
def uncased(tmp_path_factory):
    letters = string.ascii_lowercase + string.digits + ".,!?'-$()日本"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + c for c in letters), "the", "##ing"]
    file = tmp_path_factory.mktemp("uncased") / "vocab.txt"
    file.write_text("\n".join(pieces), encoding="utf-8")
    return BertTokenizerFast(str(file), do_lower_case=True)


def make_student(kind, tokenizer, task):
    tf_keras.utils.set_random_seed(4)
    outputs = {"num_outputs": task.num_outputs, "per_piece": False}
    shape = {"cnn": lambda: CNNShape(len(tokenizer), 8, 8, 2, 8, **outputs),
             "bilstm": lambda: BiLSTMShape(len(tokenizer), 8, 8, 8, **outputs),
             "transformer": lambda: TransformerShape(new_encoder(len(tokenizer), 8, 1, 2), **outputs)}[kind]()
    student = new_student(shape)
    for variable in student.variables:
        if len(variable.shape) > 1:
            variable.assign(tf.random.normal(variable.shape, stddev=0.4))
    return student


def calibration(tokenizer):
    def batches():
        for text in TEXTS:
            ids = np.array([tokenizer(text, truncation=True, max_length=LENGTH)["input_ids"]], np.int32)
            yield {"input_ids": ids, "token_type_ids": 0 * ids, "attention_mask": np.ones_like(ids)}
    return batches


class Exported:
    def __init__(self, folder, tokenizer, kind, task, quantization):
        self.tokenizer, self.task, self.quantization = tokenizer, task, quantization
        self.student = make_student(kind, tokenizer, task)
        self.path = export_mediapipe(folder, self.student, tokenizer, task, quantization, LENGTH,
                                     calibration(tokenizer))

    def probabilities(self, answers):
        rows = [answer.probabilities for answer in answers]
        return np.array([list(row.values()) if isinstance(row, dict) else row for row in rows])

    def of_student(self, texts):
        predictor = StudentPredictor(self.student, self.tokenizer, self.task)
        predictor = Predictor(predictor._forward, self.tokenizer, self.task, LENGTH)
        return self.probabilities(predictor.predict([TextExample(text) for text in texts]))


@pytest.fixture(scope="module", params=[("cnn", CLASSES, "none"), ("cnn", LABELS, "dynamic"), ("cnn", CLASSES, "int8"),
                                        ("transformer", CLASSES, "none")],
                ids=["cnn-none", "cnn-labels-dynamic", "cnn-int8", "transformer-none"])
def exported(request, tmp_path_factory, uncased):
    return Exported(tmp_path_factory.mktemp("mediapipe"), uncased, *request.param)


TOLERANCE = {"none": 1e-4, "dynamic": 0.05, "int8": 0.2}


@needs_mediapipe
def test_mediapipe_answers_as_the_student(exported):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(exported.path)], input=json.dumps(TEXTS), text=True,
                          capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(TEXTS) and {head for head, _ in answers} == {"probability"}
    found = [[scores[label] for label in exported.task.labels] for _, scores in answers]
    np.testing.assert_allclose(found, exported.of_student(TEXTS), atol=TOLERANCE[exported.quantization])


def test_our_own_check_of_a_file_sees_the_same(exported):
    runtime = MediaPipeRuntime(exported.path)
    predictor = predictor_of(runtime, exported.tokenizer, exported.task, [])
    found = exported.probabilities(predictor.predict([TextExample(text) for text in TEXTS]))
    np.testing.assert_allclose(found, exported.of_student(TEXTS), atol=TOLERANCE[exported.quantization])
    assert runtime.length == LENGTH


def test_what_mediapipe_looks_for(exported):
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(exported.path.read_bytes(), 0))
    graph, = model.subgraphs
    assert [list(graph.tensors[place].shape) for place in graph.inputs] == [[1, LENGTH]] * 3
    assert {graph.tensors[place].type for place in graph.inputs} == {schema.TensorType.INT32}
    metadata, = read_metadata(exported.path)["subgraph_metadata"]
    assert {tensor["name"] for tensor in metadata["input_tensor_metadata"]} == {"ids", "segment_ids", "mask"}
    output, = metadata["output_tensor_metadata"]
    assert output["name"] == "probability" and output["associated_files"] == [{"name": "labels.txt", "type": 2}]
    unit, = metadata["input_process_units"]
    assert unit == {"options_type": 4, "options": {"vocab_file": [{"name": "vocab.txt", "type": 5}]}}


@pytest.mark.parametrize(["task", "kind", "pairs", "reason"], [
    (TaggingTask(["O", "B-X"]), "cnn", False, "no task for token tagging"),
    (QuestionAnsweringTask(), "cnn", False, "only classifiers of texts"),
    (RegressionTask(), "cnn", False, "only classifiers of texts"),
    (CLASSES, "cnn", True, "takes pairs"), (CLASSES, "bilstm", False, "single subgraph")])
def test_other_students_are_refused(uncased, task, kind, pairs, reason):
    assert reason in why_not(make_student(kind, uncased, CLASSES), uncased, task, pairs)


def test_other_tokenizers_are_refused(tmp_path, uncased, tiny_tokenizer):
    student = make_student("cnn", uncased, CLASSES)
    with pytest.raises(ConfigError, match="`formats=mediapipe`: .* this vocabulary is cased.*Use tflite"):
        export_mediapipe(tmp_path, student, tiny_tokenizer, CLASSES, "none", LENGTH)
    pieces = sorted(uncased.get_vocab(), key=uncased.get_vocab().get)
    for lines, names, reason in ((pieces[1:] + pieces[:1], {}, "pads with id 0"),
                                 ([*pieces, "<unk>"], {"unk_token": "<unk>"}, "looks for")):
        (tmp_path / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
        assert reason in why_not(student, BertTokenizerFast(str(tmp_path / "vocab.txt"), **names), CLASSES)
    assert why_not(student, uncased, CLASSES) == ""


def test_texts_that_mediapipe_reads_otherwise_are_counted(uncased, caplog):
    warn_of_other_reading(uncased, [TextExample(text) for text in ("The film", "ÉCOLE", "café", "Москва", "москва ok")])
    assert "reads 3 of 5 texts" in caplog.text
    caplog.clear()
    warn_of_other_reading(uncased, [TextExample(text) for text in TEXTS])
    assert not caplog.text


def test_int8_without_anything_to_calibrate_on(tmp_path, uncased):
    with pytest.raises(ConfigError, match="`quantize=int8`.*calibrated on real inputs"):
        export_mediapipe(tmp_path, make_student("cnn", uncased, CLASSES), uncased, CLASSES, "int8", LENGTH)
