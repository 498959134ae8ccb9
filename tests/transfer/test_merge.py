"""Merged stores hold the examples of all, in order; stores that do not belong together are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer import merge, writer
from xtremedistil_tf.transfer.format import HIDDEN, Manifest
from xtremedistil_tf.transfer.hidden_states import PCA_FILE
from xtremedistil_tf.transfer.merge import merge_stores
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import verify_store


def stores(tmp_path, fake, counts, **form):
    return [fake.write(tmp_path / str(number), fake.sentences(count, seed=number),
                       identity={"teacher": "fake", "text": f"text {number}"}, **form)
            for number, count in enumerate(counts)]


def rows_of(*paths):
    return [store.read(index) for store in map(TransferStore, paths) for index in range(len(store))]


@settings(max_examples=12,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(counts=st.lists(st.integers(1, 120), min_size=2, max_size=3))
def test_the_examples_are_those_of_all_stores_in_order(tmp_path_factory, fake, counts):
    root = tmp_path_factory.mktemp("merge")
    parts = stores(root, fake, counts)
    merge_stores(parts, root / "merged")
    for found, expected in zip(rows_of(root / "merged"), rows_of(*parts), strict=True):
        assert set(found) == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
    assert verify_store(root / "merged").is_whole
    truncated = [Manifest.load(part).truncated for part in parts]
    assert Manifest.load(root / "merged").truncated == sum(truncated)


def test_stores_with_shards_of_several_sizes_take_the_size_of_the_first(tmp_path, fake, monkeypatch):
    first = stores(tmp_path / "a", fake, [130])
    monkeypatch.setattr(writer, "_PIECES_PER_SHARD", 16 * 17)
    second = stores(tmp_path / "b", fake, [60])
    manifest = merge_stores(first + second, tmp_path / "merged")
    assert (manifest.shard_sentences, manifest.sentences, manifest.num_shards) == (50, 190, 4)
    for found, expected in zip(rows_of(tmp_path / "merged"), rows_of(*first, *second), strict=True):
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)


def test_int8_values_move_by_less_than_a_step(tmp_path, fake):
    parts = stores(tmp_path, fake, [130, 70], hidden_dtype="int8")
    merge_stores(parts, tmp_path / "merged")
    found, before = rows_of(tmp_path / "merged"), rows_of(*parts)
    steps = max(np.load(file).max(axis=None) for file in (tmp_path / "merged").glob(f"shard-*/{HIDDEN}_scale.npy"))
    for index, (row, expected) in enumerate(zip(found, before, strict=True)):
        if index < 100:  # whole shards of the first store are copied as they are
            np.testing.assert_array_equal(row[HIDDEN], expected[HIDDEN])
        assert np.abs(row[HIDDEN].astype(float) - expected[HIDDEN]).max() <= steps
    exact = fake.hidden_states(np.concatenate([row["input_ids"] for row in found]))
    error = np.concatenate([row[HIDDEN] for row in found]) - exact
    assert (np.sqrt((error ** 2).mean(0)) / exact.std(0)).max() < 0.02


def test_principal_components_must_be_the_same(tmp_path, fake):
    parts = stores(tmp_path, fake, [130, 70], hidden_components=5)
    with pytest.raises(TransferStoreError, match="cannot be merged: their hidden states are kept as different"):
        merge_stores(parts, tmp_path / "merged")
    same = stores(tmp_path / "same", fake, [130], hidden_components=5)
    merge_stores(parts[:1] + same, tmp_path / "merged")
    assert (tmp_path / "merged" / PCA_FILE).exists()
    for found, expected in zip(rows_of(tmp_path / "merged"), rows_of(parts[0], same[0]), strict=True):
        np.testing.assert_array_equal(found[HIDDEN], expected[HIDDEN])


def test_stores_that_differ_in_more_than_text_are_refused(tmp_path, fake):
    first, second = stores(tmp_path, fake, [30, 20])
    other = fake.write(tmp_path, fake.sentences(20), identity={"teacher": "another", "text": "t"})
    small = fake.write(tmp_path, fake.sentences(20), identity={"teacher": "fake", "text": "t"}, hidden_dtype="int8")
    with pytest.raises(TransferStoreError, match="identity, teacher: fake and another. Only the text may differ"):
        merge_stores([first, second, other], tmp_path / "merged")
    with pytest.raises(TransferStoreError, match="encodings, teacher_hidden: nothing and .*int8"):
        merge_stores([first, small], tmp_path / "merged")
    manifest = json.loads((second / "manifest.json").read_text())
    manifest["columns"]["teacher_logits"]["shape"] = [4]
    (second / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TransferStoreError, match="shard-00000: missing or damaged"):
        merge_stores([first, second], tmp_path / "merged")
    manifest["complete"] = False
    (second / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TransferStoreError, match="incomplete"):
        merge_stores([first, second], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_other_folders_are_left_alone_and_the_same_merge_goes_on(tmp_path, fake, monkeypatch):
    parts = stores(tmp_path, fake, [130, 70])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    for folder in (tmp_path / "photos", parts[0]):
        with pytest.raises(TransferStoreError, match="is not empty"):
            merge_stores(parts, folder)
    assert [file.name for file in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    merge_stores(parts, tmp_path / "merged")
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in (tmp_path / "merged").glob("shard-*/*")}
    shutil.rmtree(tmp_path / "merged" / "shard-00002")
    merge_stores(parts, tmp_path / "merged")
    for file, (changed, content) in before.items():
        assert file.read_bytes() == content
        assert (file.stat().st_mtime_ns == changed) == (file.parent.name != "shard-00002")


def test_a_merge_without_room_is_refused(tmp_path, fake, monkeypatch):
    parts = stores(tmp_path, fake, [30, 20])
    monkeypatch.setattr(merge, "MARGIN_BYTES", 1 << 60)
    with pytest.raises(TransferStoreError, match="the merged store needs 0.1 MB, but .* are free"):
        merge_stores(parts, tmp_path / "merged")
