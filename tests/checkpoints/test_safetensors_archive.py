from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file
from transformers import modeling_tf_pytorch_utils, modeling_tf_utils

from xtremedistil_tf.checkpoints.reading import iterable_safetensors

MODULES = (modeling_tf_utils, modeling_tf_pytorch_utils)


@pytest.mark.parametrize("module", MODULES)
def test_archives_can_be_iterated_and_read(tmp_path, module):
    tensors = {"a": np.arange(3, dtype=np.float32), "b": np.ones((2, 2), np.float32)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    with iterable_safetensors(), module.safe_open(tmp_path / "x.safetensors", framework="tf") as archive:
        assert sorted(key for key in archive) == sorted(archive.keys()) == ["a", "b"]
        assert archive.metadata() == {"format": "pt"}
        for name, value in tensors.items():
            np.testing.assert_array_equal(archive.get_tensor(name).numpy(), value)


def test_transformers_is_left_as_it_was():
    originals = [module.safe_open for module in MODULES]
    with pytest.raises(RuntimeError), iterable_safetensors():
        assert [module.safe_open for module in MODULES] != originals
        raise RuntimeError
    assert [module.safe_open for module in MODULES] == originals
