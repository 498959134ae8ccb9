"""Where Windows has no `fcntl`, no `resource` and no tensorflow_text, the rest works, and what is missing is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MISSING = ("fcntl", "resource", "tensorflow_text")
#: Python reads it before anything else.
SITE = f"import sys\nfor name in {MISSING}: sys.modules[name] = None\n"
#: As in the processes of other tests: plain graphs, short stacks, what AutoGraph made over there, no time for speeds.
PROGRAM = """
import json, os, pathlib, sys
import numpy as np
import tensorflow
import eager_runs, plain_graphs, shared_conversions, short_stacks
import xtremedistil_tf as xd
from xtremedistil_tf.evaluation import footprint
from xtremedistil_tf.inference.server.loading import load_model
plain_graphs.follow()
eager_runs.follow()
short_stacks.shorten()
shared_conversions.share(pathlib.Path(os.environ["XTREMEDISTIL_FORKED_PYTHON"]).with_name("made_over"))
footprint.SECONDS, footprint.FEWEST_RUNS = 0.0, 1
settings, rows, texts = json.load(open(sys.argv[1]))
student = xd.distil(task=rows, kind="tagging", transfer=texts, out=sys.argv[2], **settings)
first = student.predict("anna met boris").tags
for form in ("onnx", "tflite"):
    student.export(form, max_f1_drop=1.0, measure=False)
served = load_model(pathlib.Path(sys.argv[2]))
answer = served.default.call({"texts": np.array([b"anna met boris"], object)})
try:
    xd.load(sys.argv[3], form="saved_model").predict("anna met")
except xd.errors.ModelLoadError as error:
    refused = str(error)
print(json.dumps([refused, first, xd.load(sys.argv[2], form="onnx").predict("anna met boris").tags,
                  [word.decode() if isinstance(word, bytes) else word for word in answer["tags"][0]]]))
"""


@pytest.mark.eager_runs
def test_distil_predict_export_and_serve(distilled, rows, texts, small, flat_teacher_dir, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SITE)
    splits = {name: rows("tagging", count, seed) for seed, (name, count) in enumerate(
        {"train": 24, "dev": 12, "test": 12}.items(), 1)}
    (tmp_path / "run.json").write_text(json.dumps([
        small | {"teacher": str(flat_teacher_dir), "lstm_units": 5}, splits, texts("tagging", 40, 4)]))
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / "run.json"), str(tmp_path / "out"),
                           str(distilled("tagging"))], capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})
    assert done.returncode == 0, done.stderr[-3000:]
    refused, keras, onnx, served = json.loads(done.stdout.splitlines()[-1])
    assert len(keras) == 3 and keras == onnx == served[:3]
    assert "no signature for raw strings, as the tokenizer is a WordPiece one, whose graph needs the package " \
        "tensorflow_text, which is not installed" in done.stderr
    assert "TensorFlow Lite: no file for raw strings, which needs the package tensorflow_text" in done.stderr
    assert "Traceback" not in done.stderr
    # A SavedModel of another system, whose signatures take texts.
    assert "needs the package tensorflow_text, which is not installed" in refused
