"""`run_xtreme_distil_predict_onnx.py` with the original's flags."""

from __future__ import annotations

import pathlib
import subprocess

import onnx
import pytest
import tf_keras

from xtremedistil_tf.cli.answering_commands import predict_onnx
from xtremedistil_tf.corpus.example import Example
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.model_directory import save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXTS = ["anna met boris in paris .", "", "москва near wien and oslo"]


def run(python: str, *flags: str) -> str:
    done = subprocess.run([python, "run_xtreme_distil_predict_onnx.py", *flags], cwd=ROOT, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("decoding", ["", "argmax"])
def test_original_command(tmp_path, tiny_tokenizer, python, decoding):
    tf_keras.utils.set_random_seed(1)
    task = TaggingTask(["O", "B-LOC", "I-LOC"])
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 6, 10, 3))
    save_student(tmp_path / "out", student, tiny_tokenizer, task, {})
    (tmp_path / "text.txt").write_text("".join(text + "\n" for text in TEXTS), encoding="utf-8")
    run(python, "--pred_file", f"{tmp_path}/text.txt", "--model_dir", f"{tmp_path}/out", "--do_predict",
        *([f"--decoding={decoding}"] if decoding else []))
    lines = (tmp_path / "out" / "predictions.txt").read_text(encoding="utf-8").splitlines()
    examples = [Example(tuple(text.split())) for text in TEXTS]
    by_task = {name: StudentPredictor(student, tiny_tokenizer, TaggingTask(task.labels, decoding=name or "legal"))
               for name in ("", "argmax")}
    wanted = by_task[decoding].predict(examples)
    assert by_task[""].predict(examples) != by_task["argmax"].predict(examples)
    assert [line.split("\t")[1:] for line in lines] == [[" ".join(tags)] if tags else [] for tags in wanted]
    onnx.checker.check_model(str(tmp_path / "out" / "export" / "onnx" / "model_none.onnx"))


def test_other_forms_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="--format=keras: this command runs ONNX files"):
        predict_onnx(["x", f"--model_dir={tmp_path}", "--do_predict", "--format=keras"])
