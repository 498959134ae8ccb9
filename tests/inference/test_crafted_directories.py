"""Model directories that somebody crafted end in one message: nothing of them runs, no other file is read."""

from __future__ import annotations

import ast
import json
import pathlib
import shutil

import pytest

import hostile_directories
from xtremedistil_tf.corpus.files import read_whole
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.inference.server.loading import load_model, warm_up
from xtremedistil_tf.process import hide_triton

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "xtremedistil_tf"
hide_triton()


@pytest.mark.parametrize("form", ["onnx", "keras"])
def test_the_directory_that_they_are_made_of_answers(models, form):
    warm_up(load_model(models.folder / "tagging", form))


@pytest.mark.parametrize("kind", hostile_directories.KINDS)
def test_one_message(kind, models, tmp_path):
    message = hostile_directories.message_of(kind, models.folder / "tagging", tmp_path)
    assert message and "\n" not in message and len(message) < 1200


def test_the_kinds_are_many():
    assert len(hostile_directories.KINDS) >= 40


def test_a_weight_does_not_get_the_bytes_of_another_file(models, tmp_path):
    for kind in ("an array that lies in another file", "a virtual array", "a link to another file"):
        assert "/layers/" in hostile_directories.message_of(kind, models.folder / "tagging", tmp_path)


def test_no_checkpoint_may_bring_code():
    calls = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in (
                    "from_pretrained", "from_config") and "uto" in ast.unparse(node.func.value):
                calls.append((path.name, node.lineno, {word.arg for word in node.keywords}))
    assert len(calls) > 10
    assert not [call for call in calls if "trust_remote_code" not in call[2]]


def test_a_small_file_does_not_fill_the_memory(tmp_path):
    import gzip

    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" " * (1 << 25) + b"]"))
    with pytest.raises(DataError, match="100 times its size"):
        read_whole(path)
    path.write_bytes(gzip.compress(json.dumps(["text"] * 1000).encode()))
    assert json.loads(read_whole(path)) == ["text"] * 1000


def test_the_onnx_form_needs_the_outputs_of_its_task(models, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(models.folder / "tagging", folder)
    shutil.copy(models.folder / "question_answering/export/onnx/model_none.onnx", folder / "export/onnx")
    assert "has 2 outputs, the task 3" in hostile_directories.message_of("nothing is changed", folder, tmp_path)
