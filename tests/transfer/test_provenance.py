"""Where the examples of a store came from, on disk."""

from __future__ import annotations

import json

import numpy as np
import pytest

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import has_provenance, load_provenance, merge_provenance, save_provenance


def test_what_is_saved_is_loaded(tmp_path):
    save_provenance(tmp_path, np.array([0, 3, 0], np.int8), {"factor": 1})
    assert has_provenance(tmp_path) and load_provenance(tmp_path, 3).tolist() == [0, 3, 0]
    assert json.loads((tmp_path / "provenance.json").read_text()) == {"factor": 1}


def test_a_store_that_does_not_say_holds_originals(tmp_path):
    assert not has_provenance(tmp_path) and load_provenance(tmp_path, 4).tolist() == [0] * 4


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"x"), lambda p: p.write_bytes(b""),
                                    lambda p: np.save(p, np.zeros(4, np.int8)),
                                    lambda p: np.save(p, np.ones(3, np.int8)),
                                    lambda p: np.save(p, np.zeros(3, np.int32))])
def test_damage_is_told(tmp_path, damage):
    damage(tmp_path / "provenance.npy")
    with pytest.raises(TransferStoreError, match="provenance.npy: damaged.*Delete it"):
        load_provenance(tmp_path, 3)


def test_stores_in_one(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    merge_provenance(folders[:2], [2, 1], folders[2])
    assert not has_provenance(folders[2])
    save_provenance(folders[1], np.array([0], np.int8), {"factor": 2})
    merge_provenance(folders[:2], [2, 1], folders[2])
    assert load_provenance(folders[2], 3).tolist() == [0, 0, 0]
    assert json.loads((folders[2] / "provenance.json").read_text()) == {"merged": [None, {"factor": 2}]}
