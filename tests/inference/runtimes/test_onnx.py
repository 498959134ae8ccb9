"""What OnnxRuntime refuses; how it answers is in `test_conformance.py`."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from xtremedistil_tf.errors import MissingExtraError, ModelLoadError
from xtremedistil_tf.inference.runtimes import OnnxRuntime
from xtremedistil_tf.students.metadata import exported_path


def test_no_file(tmp_path):
    with pytest.raises(ModelLoadError, match="m.onnx: ONNX Runtime cannot load it.*Export the student again"):
        OnnxRuntime(tmp_path / "m.onnx")


def test_another_kind_of_file(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelLoadError, match="m.onnx: ONNX Runtime cannot load it"):
        OnnxRuntime(tmp_path / "m.onnx")


def test_a_batch_that_cannot_be_run(models):
    path = exported_path(models.folder / "tagging", "onnx")
    ids = np.full((1, 2), 10**6)
    with pytest.raises(ModelLoadError, match=r"cannot run a batch of shape \(1, 2\)"):
        OnnxRuntime(path).forward({"input_ids": ids, "attention_mask": np.ones_like(ids)})


def test_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"`onnxruntime`.*xtremedistil-tf\[onnx\]"):
        OnnxRuntime(tmp_path / "m.onnx")
