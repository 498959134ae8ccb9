"""A student that ONNX Runtime answers needs no TensorFlow in the process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import xtremedistil_tf as xd

PROGRAM = """
import json, sys
import xtremedistil_tf as xd
student = xd.load(sys.argv[1], form="onnx", quantize="int8")
found = student.predict(["anna met boris", "the old house"])
heavy = {"tensorflow", "tf_keras", "keras", "transformers", "torch", "sklearn", "scipy"} & set(sys.modules)
print(json.dumps([[answer.tags for answer in found], sorted(heavy), repr(student)]))
"""


def test_load_and_predict(distilled, tmp_path):
    folder = shutil.copytree(distilled("tagging"), tmp_path / "student")
    xd.load(folder).export("onnx", quantize="int8", max_f1_drop=1.0, measure=False)
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tags, heavy, shown = json.loads(done.stdout)
    assert heavy == [] and "onnx int8" in shown
    assert tags == [answer.tags for answer in xd.load(folder, "onnx", "int8").predict(["anna met boris",
                                                                                      "the old house"])]
