"""Students of each kind that answer with ONNX Runtime, and `predict` on bytes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.inference.predictor import OpenedStudent, open_predictor
from xtremedistil_tf.runs.predict import predict

KINDS = ("tagging", "classification", "regression", "question_answering")


@pytest.fixture(scope="session")
def students(models) -> dict[str, OpenedStudent]:
    return {kind: open_predictor(models.folder / kind, "onnx") for kind in KINDS}


@pytest.fixture
def on_pairs(students) -> OpenedStudent:
    """A student for pairs of texts."""
    return dataclasses.replace(students["classification"], config={"do_pairwise": True})


@pytest.fixture(scope="session")
def predicted(students, tmp_path_factory):
    """(kind or student, what a file holds, its name, settings) -> what was written."""
    folder = tmp_path_factory.mktemp("predicted")

    def predicted(student: Any, content: bytes, name: str = "in.txt", output: str = "out", **settings: Any) -> bytes:
        (folder / name).write_bytes(content)
        (folder / output).unlink(missing_ok=True)
        config = PredictionConfig(model_dir="m", do_predict=True, pred_file=str(folder / name),
                                  output_file=str(folder / output), **settings)
        predict(students[student] if isinstance(student, str) else student, config)
        return (folder / output).read_bytes()

    predicted.folder = folder
    return predicted
