"""Stores of other programs: the documented example is accepted, faults are refused."""

from __future__ import annotations

import json
import pathlib
import re

import numpy as np
import pytest

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.training.batches import Column
from xtremedistil_tf.transfer.merge import check_given_store
from xtremedistil_tf.transfer.reader import TransferStore

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "transfer_store.md"
COLUMNS = {"input_ids": Column(np.int32), "word_starts": Column(np.float32), "teacher_logits": Column(np.float32, (3,))}


@pytest.fixture
def store(tmp_path, tiny_tokenizer):
    """Written by the example in the documentation."""
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)[1]
    names: dict = {}
    exec(code, names)
    sentences = [["anna", "met", "boris"], ["oslo"], ["\u200d", "in", "paris"]]
    names["write"](tmp_path / "store", tiny_tokenizer, sentences, lambda ids: np.eye(3)[ids % 3], ["O", "B-A", "I-A"])
    return tmp_path / "store"


def test_the_documented_example_is_accepted(store, tiny_tokenizer):
    check_given_store(store, COLUMNS, len(tiny_tokenizer))
    read = TransferStore(store)
    assert len(read) == 3
    row = read.read(0)
    own = tiny_tokenizer([["anna", "met", "boris"]], is_split_into_words=True)
    assert row["input_ids"].tolist() == own["input_ids"][0]
    firsts = [w is not None and w != v for v, w in zip([None, *own.word_ids(0)], own.word_ids(0))]
    assert row["word_starts"].astype(bool).tolist() == firsts
    assert row["teacher_logits"].argmax(-1).tolist() == [i % 3 for i in row["input_ids"]]


def test_smaller_forms_of_other_programs_are_read_as_documented(store, tiny_tokenizer):
    rng = np.random.default_rng(0)
    shard, columns = store / "shard-00000", json.loads((store / "manifest.json").read_text())["columns"]
    pieces = len(np.load(shard / "input_ids.npy"))
    arrays = {"": rng.integers(-127, 128, (pieces, 2, 3)).astype(np.int8),
              "_scale": rng.random((2, 3)).astype(np.float32), "_offset": rng.random((2, 3)).astype(np.float32)}
    for end, values in arrays.items():
        np.save(shard / f"teacher_hidden{end}.npy", values)
    pca = {"mean": rng.normal(size=(2, 8)), "components": rng.normal(size=(2, 3, 8)), "energy": np.ones(2)}
    np.savez(store / "hidden_pca.npz", **pca)
    change(store, columns=columns | {"teacher_hidden": {"dtype": "float16", "shape": [2, 8], "per_piece": True}},
           encodings={"teacher_hidden": {"components": 3, "dtype": "int8"}})
    expected = COLUMNS | {"teacher_hidden": Column(np.float16, (2, 8))}
    check_given_store(store, expected, len(tiny_tokenizer))
    kept = arrays[""] * arrays["_scale"] + arrays["_offset"]
    states = np.einsum("plk,lkw->plw", kept, pca["components"]) + pca["mean"]
    found = np.concatenate([TransferStore(store).read(index)["teacher_hidden"] for index in range(3)])
    np.testing.assert_allclose(found, states, rtol=2e-3, atol=0.05)
    np.save(shard / "teacher_hidden_scale.npy", np.full((2, 3), np.nan, np.float32))
    with pytest.raises(TransferStoreError, match="teacher_hidden_scale.npy: contains numbers that are not finite"):
        check_given_store(store, expected, len(tiny_tokenizer))


def change(store, **values):
    path = store / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_faults_are_named(store, tiny_tokenizer):
    pieces = len(tiny_tokenizer)
    with pytest.raises(TransferStoreError, match="no column teacher_hidden; it holds input_ids"):
        check_given_store(store, COLUMNS | {"teacher_hidden": Column(np.float16, (1, 8))}, pieces)
    with pytest.raises(TransferStoreError, match=r"teacher_logits is float32 \[3\] a subword, "
                                                 r"this run reads float32 \[5\] a subword"):
        check_given_store(store, COLUMNS | {"teacher_logits": Column(np.float32, (5,))}, pieces)
    with pytest.raises(TransferStoreError, match=r"input_ids.npy: ids from .* expected 0 to 4"):
        check_given_store(store, COLUMNS, 5)
    file = store / "shard-00000" / "teacher_logits.npy"
    logits = np.load(file)
    np.save(file, np.where(logits > 0, np.inf, logits))
    with pytest.raises(TransferStoreError, match="teacher_logits.npy: contains numbers that are not finite"):
        check_given_store(store, COLUMNS, pieces)
    np.save(file, logits[:-1])
    with pytest.raises(TransferStoreError, match="missing or damaged"):
        check_given_store(store, COLUMNS, pieces)
    change(store, complete=False)
    with pytest.raises(TransferStoreError, match="incomplete"):
        check_given_store(store, COLUMNS, pieces)
