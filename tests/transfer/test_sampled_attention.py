"""Attention maps of some pieces: which, what readers get, merged, measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.transfer.format import ATTENTION, Manifest
from xtremedistil_tf.transfer.hidden_states import restored, sampled, sampled_rows
from xtremedistil_tf.transfer.merge import merge_stores
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import verify_store


@given(st.lists(st.integers(0, 250_000), min_size=1, max_size=40), st.integers(1, 12))
def test_rows_come_back_where_they_were(ids, count):
    ids = np.array(ids, np.int32)
    maps = np.random.default_rng(len(ids)).random((len(ids), 2, 5)).astype(np.float16)
    rows = sampled_rows(ids, count)
    known = rows[rows >= 0]
    assert len(known) == min(count, len(ids)) == len(set(known)) and list(known) == sorted(known)
    found = restored(sampled(maps, rows), rows, len(ids))
    np.testing.assert_array_equal(found[known], maps[known])
    assert not np.delete(found, known, 0).any()
    np.testing.assert_array_equal(rows, sampled_rows(ids.copy(), count))


def test_readers_get_the_rows_that_are_kept_and_zeros(tmp_path, fake):
    text = fake.sentences(200)
    whole, some = (TransferStore(fake.write(tmp_path, text, attention_sample=count)) for count in (0, 4))
    assert some.columns == whole.columns and some.path != whole.path
    places = np.zeros(fake.seq_len)
    for index in range(200):
        expected, found = whole.read(index), some.read(index)
        known = found[ATTENTION].any(axis=(1, 2, 3))
        assert known.sum() == min(4, len(known))
        np.testing.assert_array_equal(found[ATTENTION][known], expected[ATTENTION][known])
        np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
        places[:len(known)] += known
    assert places.min() > 0  # every place is drawn now and then
    files = [sum(f.stat().st_size for f in store.path.glob(f"shard-*/{ATTENTION}*")) for store in (whole, some)]
    assert files[1] < 0.5 * files[0]


def test_a_store_is_merged_verified_and_as_large_as_estimated(tmp_path, fake):
    from xtremedistil_tf.transfer.size import bytes_per_example

    parts = [fake.write(tmp_path, fake.sentences(count, seed=count), attention_sample=3,
                        identity={"teacher": "fake", "text": str(count)}) for count in (130, 70)]
    manifest = merge_stores(parts, tmp_path / "merged")
    assert verify_store(tmp_path / "merged").is_whole
    merged, before = TransferStore(tmp_path / "merged"), [TransferStore(part) for part in parts]
    rows = [store.read(index) for store in before for index in range(len(store))]
    for index, row in enumerate(rows):
        np.testing.assert_array_equal(merged.read(index)[ATTENTION], row[ATTENTION])
    size = sum(file.stat().st_size for file in (tmp_path / "merged").glob("shard-*/*.npy"))
    estimate = 200 * sum(bytes_per_example(manifest, float(merged.lengths.mean())).values())
    assert size == pytest.approx(estimate, rel=0.03)


def test_a_writer_that_forgets_which_rows_is_told(tmp_path, fake):
    from xtremedistil_tf.errors import TransferStoreError

    store = fake.write(tmp_path, fake.sentences(20), attention_sample=3)
    (store / "shard-00000" / "teacher_attention_rows.npy").unlink()
    with pytest.raises(TransferStoreError, match=r"teacher_attention_rows\.npy: missing"):
        TransferStore(store)


@pytest.mark.parametrize("count", [-1, 16, 40])
def test_a_sample_of_more_than_there_is_is_refused(tmp_path, fake, count):
    with pytest.raises(ConfigError, match=f"`attention_sample={count}`: .*`seq_len=16` subwords. Expected 1 to 15"):
        fake.write(tmp_path, fake.sentences(20), attention_sample=count)


def test_the_manifest_says_so(tmp_path, fake):
    manifest = Manifest.load(fake.write(tmp_path, fake.sentences(20), attention_sample=3))
    assert manifest.encodings == {ATTENTION: {"rows": 3}} and manifest.attention_rows == 3
    assert dataclasses.replace(manifest, encodings={}).attention_rows == 0
