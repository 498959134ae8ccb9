"""The programs for MLflow and FastAPI in docs/other_servers.md run, with the student's own answers."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "other_servers.md"
TEXTS = ["anna met boris in paris", "the old house", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_tokenizer):
    """A folder in which `out` is a student with its int8 ONNX file."""
    import tensorflow as tf
    import tf_keras

    from xtremedistil_tf.export.onnx import export_onnx
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.model_directory import save_student
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.tagging import TaggingTask

    folder, task = tmp_path_factory.mktemp("pages"), TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    tf_keras.utils.set_random_seed(4)
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs))
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.8))
    save_student(folder / "out", student, tiny_tokenizer, task, {"seq_len": 24})
    export_onnx(folder / "out" / "export" / "onnx" / "model_int8.onnx", student, tiny_tokenizer, task, "int8")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    import xtremedistil_tf as xd

    found = xd.load(folder / "out", form="onnx", quantize="int8").predict(TEXTS)
    answers = [[{"type": one.type, "text": one.text, "start": one.start, "end": one.end} for one in row]
               for row in found]
    assert sum(map(len, answers)) > 2
    return answers


def run(folder, text: str) -> list:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
                                "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run([sys.executable, "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def program(blocks_of, heading: str) -> str:
    """The block of Python under a heading."""
    line = PAGE.read_text(encoding="utf-8").splitlines().index(heading)
    return next(block.text for block in blocks_of(PAGE) if block.language == "python" and block.line > line)


def test_mlflow(folder, blocks_of, expected):
    pytest.importorskip("mlflow", reason="needs mlflow-skinny")
    text = program(blocks_of, "## MLflow")
    shutil.rmtree(folder / "entities", ignore_errors=True)
    asked = f"\nimport json\nprint(json.dumps(mlflow.pyfunc.load_model('entities').predict({TEXTS!r})))"
    assert run(folder, text + asked) == expected


def test_fastapi(folder, blocks_of, expected):
    pytest.importorskip("fastapi", reason="needs fastapi")
    text = program(blocks_of, "## FastAPI")
    asked = f"""
import sys
from fastapi.testclient import TestClient
client = TestClient(app)
answer = client.post("/entities", json={{"texts": {TEXTS!r}}})
assert client.post("/entities", json={{"texts": ["a"] * 257}}).status_code == 422
assert "tensorflow" not in sys.modules
import json
print(json.dumps(answer.json()))
"""
    found = run(folder, text + asked)
    assert all(0 < one.pop("score") <= 1 for row in found for one in row)
    assert found == expected
