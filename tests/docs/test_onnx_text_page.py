"""The program in docs/onnx.md that asks a file of onnx_text runs without this package."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "onnx.md"


def test_the_program(blocks_of, tmp_path, tiny_tokenizer):
    pytest.importorskip("onnxruntime_extensions", reason="needs onnxruntime-extensions")
    import tf_keras

    from xtremedistil_tf.export.onnx_text import export_onnx_text
    from xtremedistil_tf.students.bilstm import BiLSTMShape
    from xtremedistil_tf.students.registry import new_student
    from xtremedistil_tf.tasks.tagging import TaggingTask

    task = TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"])
    tf_keras.utils.set_random_seed(4)
    student = new_student(BiLSTMShape(len(tiny_tokenizer), 8, 8, 8, task.num_outputs))
    path = tmp_path / "out" / "export" / "onnx_text" / "model_int8.onnx"
    export_onnx_text(path, student, tiny_tokenizer, task, "int8")
    program = next(block.text for block in blocks_of(PAGE) if "onnxruntime_extensions" in block.text
                   and block.language == "python")
    alone = "\nimport sys\nassert 'xtremedistil_tf' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program + alone], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split(" ") for line in done.stdout.splitlines()]
    text = "Anna met Boris in Paris."
    assert len(rows) > 3 and all(tag in task.labels and 0 < float(score) <= 1 for _, tag, score in rows)
    assert [row[0] for row in rows][-1] == "." and text.endswith(".")
