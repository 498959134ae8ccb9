"""Folders of `export_hub` of random students of every family and kind."""

from __future__ import annotations

import functools
import json
import pathlib
import shutil
import subprocess

import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.export.hub import GRAPHS, export_hub
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.encoders import new_encoder
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.students.transformer import TransformerShape
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.multi_label import MultiLabelTask
from xtremedistil_tf.tasks.question_answering import QuestionAnsweringTask
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer

# `PER` has no `I-PER`: the folder has one.
TASKS = {"tagging": TaggingTask(["O", "B-LOC", "I-LOC", "B-PER"]),
         "classification": ClassificationTask(["bad", "good"]),
         "multi_label": MultiLabelTask(["a", "b", "c"]), "question_answering": QuestionAnsweringTask()}
JAVASCRIPT = pathlib.Path(__file__).parents[2] / "javascript"


@pytest.fixture(scope="session")
def own_tokenizer():
    """A Unigram tokenizer of a student's own vocabulary."""
    text = ["the quick brown fox jumps over the lazy dog", "pack my box with five dozen liquor jugs , please ."] * 9
    return train_tokenizer(text, 200, "unigram", at_most=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory, tiny_tokenizer, own_tokenizer):
    """(family, kind, own vocabulary?) -> student and folder."""
    @functools.cache
    def make(family: str, kind: str, own: bool = False):
        task, tokenizer = TASKS[kind], own_tokenizer if own else tiny_tokenizer
        tf_keras.utils.set_random_seed(3)
        size, outputs, per_piece = len(tokenizer), task.num_outputs, task.per_piece
        shape = {"bilstm": lambda: BiLSTMShape(size, 8, 6, 10, outputs, per_piece=per_piece),
                 "cnn": lambda: CNNShape(size, 8, 6, 2, 10, outputs, per_piece=per_piece),
                 "transformer": lambda: TransformerShape(new_encoder(size, 8, 1, 2, max_position_embeddings=64), outputs,
                                                         per_piece=per_piece)}[family]()
        student = new_student(shape)
        for variable in student.variables:
            if variable.dtype == tf.float32:
                variable.assign(variable + tf.random.normal(variable.shape, stddev=0.3))
        folder = tmp_path_factory.mktemp("hub")
        for quantization in GRAPHS if family == "bilstm" else ["none"]:
            export_hub(folder, student, tokenizer, task, quantization)
        return student, folder

    return make


@pytest.fixture(scope="session")
def javascript() -> pathlib.Path:
    """The folder with packages of npm."""
    if shutil.which("node") is None or not (JAVASCRIPT / "node_modules").exists():
        pytest.skip("needs Node.js and: npm ci --ignore-scripts --prefix tests/javascript")
    return JAVASCRIPT


@pytest.fixture(scope="session")
def in_node(tmp_path_factory, javascript):
    """[{folder, task, dtype, calls}, ...] -> answers of transformers.js in Node.js, see `run.mjs`."""
    def run(requests: list[dict]) -> list[list]:
        file = tmp_path_factory.mktemp("node") / "requests.json"
        file.write_text(json.dumps(requests, default=str), "utf-8")
        done = subprocess.run(["node", javascript / "pipelines.mjs", file], capture_output=True, text=True,
                              encoding="utf-8", timeout=100)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
