"""What every runtime must do, see `tests/plugins/conformance/runtimes.py`; the SavedModel's is in `tests/export`."""

from __future__ import annotations

import pickle
import sys

import pytest
from conformance.runtimes import run_runtime_test

from xtremedistil_tf.inference.predictor import Predictor
from xtremedistil_tf.inference.runtimes import KerasRuntime, OnnxRuntime, TFLiteRuntime
from xtremedistil_tf.students.metadata import exported_path
from xtremedistil_tf.students.model_directory import load_student

OPENERS = {"keras": lambda folder, student, threads: KerasRuntime(student),
           "onnx": lambda folder, student, threads: OnnxRuntime(exported_path(folder, "onnx"), threads),
           "tflite": lambda folder, student, threads: TFLiteRuntime(exported_path(folder, "tflite"), threads)}


@pytest.fixture(scope="module")
def saved(models):
    """Of a kind of task, what its model directory holds; loaded once."""
    loaded = {}

    def saved(kind):
        if kind not in loaded:
            loaded[kind] = load_student(models.folder / kind)
        return loaded[kind]

    return saved


@pytest.mark.parametrize("form", OPENERS)
@pytest.mark.parametrize("kind", ["tagging", "classification", "regression", "question_answering"])
def test_runtime(form, kind, models, saved):
    found, folder = saved(kind), models.folder / kind
    run_runtime_test(lambda threads: OPENERS[form](folder, found.student, threads), found.student, found.task,
                     found.tokenizer.pad_token_id)
    runtime = OPENERS[form](folder, found.student, None)
    predictor = Predictor(runtime.forward, found.tokenizer, found.task, found.student.max_length, batch_size=4)
    examples = pickle.loads((models.folder / "examples.pickle").read_bytes())[kind]
    assert all(map(found.task.same, predictor.predict(examples), models.expected[kind]))


def test_tflite_without_litert(models, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    found, opened = saved("tagging"), []

    def runtime(threads):
        opened.append(OPENERS["tflite"](models.folder / "tagging", found.student, threads))
        assert type(opened[-1]._interpreter).__module__.startswith("tensorflow")
        return opened[-1]

    run_runtime_test(runtime, found.student, found.task, found.tokenizer.pad_token_id)
    assert len(opened) == 2
