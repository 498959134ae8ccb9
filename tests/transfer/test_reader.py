"""Reading many examples at once against the files as the format describes them."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.training.batches import pad_batch
from xtremedistil_tf.transfer.reader import TransferStore

SENTENCES, SHARD = 120, 50


def described(store, index):
    """The columns of an example, read as `layout` says that they are kept."""
    shard, row = divmod(index, SHARD)
    arrays = {file.stem: np.load(file) for file in (store / f"shard-{shard:05d}").glob("*.npy")}
    pieces = slice(*arrays["offsets"][row: row + 2])
    columns = {name: arrays[name][pieces] for name in ("input_ids", "word_starts", "teacher_logits")}
    hidden = arrays["teacher_hidden"][pieces].astype(np.float32)
    if "teacher_hidden_scale" in arrays:
        hidden = hidden * arrays["teacher_hidden_scale"] + arrays["teacher_hidden_offset"]
    if (store / "hidden_pca.npz").exists():
        with np.load(store / "hidden_pca.npz") as pca:
            hidden = np.einsum("plc,lcw->plw", hidden, pca["components"]) + pca["mean"]
    columns["teacher_hidden"] = hidden
    if "teacher_attention_rows" in arrays:
        maps = np.zeros((len(hidden), *arrays["teacher_attention"].shape[2:]), np.float16)
        for place, values in zip(arrays["teacher_attention_rows"][row], arrays["teacher_attention"][row]):
            if place >= 0:
                maps[place] = values
        columns["teacher_attention"] = maps
    return columns


@pytest.mark.parametrize("form", [{}, {"hidden_dtype": "int8"}, {"hidden_components": 5},
                                  {"hidden_components": 5, "hidden_dtype": "int8"}, {"attention_sample": 4}])
def test_many_examples_are_what_the_files_hold(tmp_path, fake, form):
    path = fake.write(tmp_path, fake.sentences(SENTENCES), **form)
    store = TransferStore(path)
    # Of all shards, in no order, one of them twice; its first and last examples.
    indices = np.array([117, 3, 50, 49, 99, 3, 0, 119, 64])
    found = store.read_many(indices)
    expected = [described(path, index) for index in indices]
    assert set(found) == set(expected[0])
    for name, values in found.items():
        assert values.dtype == store.columns[name].dtype
        np.testing.assert_allclose(values.astype(float), np.concatenate([row[name] for row in expected]).astype(float),
                                   rtol=1e-3, atol=0.02 if name == "teacher_hidden" and form else 0)
    batch = pad_batch(store, indices, 0)
    for number, row in enumerate(expected):
        length = len(row["input_ids"])
        assert batch["attention_mask"][number].sum() == length
        np.testing.assert_array_equal(batch["teacher_logits"][number, :length], row["teacher_logits"])
        assert not batch["teacher_hidden"][number, length:].any()


def test_no_examples_are_no_rows(tmp_path, fake):
    store = TransferStore(fake.write(tmp_path, fake.sentences(SENTENCES), hidden_dtype="int8"))
    found = store.read_many(np.array([], np.int64))
    assert {name: values.shape for name, values in found.items()} == {
        name: (0, *column.shape) for name, column in store.columns.items()}


def test_a_file_that_is_cut_off_is_named(tmp_path, fake):
    store = TransferStore(path := fake.write(tmp_path, fake.sentences(SENTENCES)))
    file = path / "shard-00002" / "teacher_hidden.npy"
    file.write_bytes(file.read_bytes()[:-1])
    store.read_many(np.array([1, 60]))
    with pytest.raises(TransferStoreError, match="shard-00002.teacher_hidden.npy: changed since"):
        store.read_many(np.array([1, 119]))
