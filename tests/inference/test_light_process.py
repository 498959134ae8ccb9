"""What answers with ONNX Runtime or LiteRT loads no other framework, and answers as the Keras student does."""

from __future__ import annotations

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEAVY = {"tensorflow", "keras", "tf_keras", "transformers", "torch", "tensorflow_text", "tensorflow_serving"}
ANSWER = """
import pathlib, pickle, sys
from xtremedistil_tf.inference.predictor import open_predictor

root, form = pathlib.Path(sys.argv[1]), sys.argv[2]
examples = pickle.loads((root / "examples.pickle").read_bytes())
answers = {kind: open_predictor(root / kind, form, batch_size=4).predictor.predict(examples[kind]) for kind in examples}
sys.stdout.buffer.write(pickle.dumps((answers, sorted(sys.modules))))
"""
COMMAND = """
import sys
from xtremedistil_tf.cli.answering_commands import {0}

{0}(sys.argv)
print(*sys.modules)
"""


def run(code: str, *words: object) -> bytes:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("form, runtime", [("onnx", "onnxruntime"), ("tflite", "ai_edge_litert")])
def test_every_kind_of_task(models, form, runtime):
    found, modules = pickle.loads(run(ANSWER, models.folder, form))
    assert not HEAVY & set(modules) and runtime in modules
    for kind, expected in models.expected.items():
        if kind == "tagging":
            assert found[kind] == expected
        elif kind == "question_answering":
            assert [(a.text, a.start, a.end) for a in found[kind]] == [(a.text, a.start, a.end) for a in expected]
            assert [a.score for a in found[kind]] == pytest.approx([a.score for a in expected], abs=1e-4)
        else:
            one, other = ([getattr(a, "probabilities", a) for a in answers] for answers in (found[kind], expected))
            np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("command, form, more", [("predict", "onnx", ["--do_eval"]), ("predict", "tflite", []),
                                                 ("predict_onnx", "onnx", [])])
def test_the_commands(models, tmp_path, command, form, more):
    (tmp_path / "gold.tsv").write_text("anna met paris\tO O B-LOC\noslo\tB-LOC\n", encoding="utf-8")
    printed = run(COMMAND.format(command), f"--model_dir={models.folder / 'tagging'}", "--do_predict", *more,
                  f"--pred_file={tmp_path / 'gold.tsv'}", f"--format={form}", f"--output_file={tmp_path / 'out.txt'}")
    assert not HEAVY & set(printed.decode().split())
    lines = (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["anna met paris", "oslo"]


SERVE = """
import pathlib, sys
from xtremedistil_tf.cli.answering_commands import _served_model
from xtremedistil_tf.config.commands import ServeConfig
from xtremedistil_tf.inference.server.api import Api
from xtremedistil_tf.inference.server.loading import warm_up
from xtremedistil_tf.inference.server.local_server import LocalServer

config = ServeConfig(model_dir=sys.argv[1], port=0)
model = _served_model(pathlib.Path(config.model_dir), config)
warm_up(model)
server = LocalServer(config)
server.start(Api(model, config))
server.stop()
places = {name.partition(".")[0]: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(model.source, *(name for name, place in places.items() if "site-packages" in place))
"""
#: Name of the import -> name of the package, where they differ.
PACKAGES = {"absl": "absl-py", "google": "protobuf", "prometheus_client": "prometheus-client"}


def test_the_server_needs_no_more_than_its_container_has(models):
    source, *imported = run(SERVE, models.folder / "tagging").decode().split()
    assert source.endswith("model_none.onnx") and not HEAVY & set(imported)
    lines = (ROOT / "deploy" / "server-requirements.txt").read_text(encoding="utf-8").splitlines()
    there = {line.partition(">=")[0] for line in lines if not line.startswith("#")}
    # Those that begin with an underscore are compiled parts of others; some start with the interpreter itself.
    needed = {PACKAGES.get(name, name) for name in imported if not name.startswith("_")}
    assert needed - {"coverage", "distutils-precedence", "sitecustomize"} <= there
