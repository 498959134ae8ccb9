"""Shards are checked: cheaply by shape, wholly by checksum, and a damaged one alone is written again."""

from __future__ import annotations

import dataclasses
import json
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer.format import Manifest
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.shards import OWNER, SHARD_FACTS, ShardFacts, Shards, remove_damaged, verify_store


@pytest.fixture
def store(tmp_path, fake):
    return fake.write(tmp_path, fake.sentences(120), hidden_dtype="int8")


def shards_of(store):
    return Shards(store, Manifest.load(store))


def test_facts_are_those_that_are_documented(store, fake):
    facts = json.loads((store / "shard-00002" / SHARD_FACTS).read_text())
    lengths = [min(len(s.words), fake.seq_len) for s in fake.sentences(120)[100:]]
    assert (facts["examples"], facts["pieces"]) == (20, sum(lengths))
    assert facts["truncated"] == sum(len(s.words) > fake.seq_len for s in fake.sentences(120)[100:]) > 0
    files = {file.stem: np.load(file) for file in (store / "shard-00002").glob("*.npy")}
    assert facts["checksums"] == {name: f"crc32:{zlib.crc32(values.tobytes()):08x}" for name, values in files.items()}
    assert {"offsets", "teacher_hidden_scale", "teacher_hidden_offset"} < set(files)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_of_any_array_that_changes_is_found(store, data):
    file = data.draw(st.sampled_from(sorted(store.rglob("*.npy"))), label="file")
    shard, content = int(file.parent.name[-5:]), file.read_bytes()
    at = data.draw(st.integers(np.load(file, mmap_mode="r").offset, len(content) - 1), label="byte")
    flipped = bytes([content[at] ^ data.draw(st.integers(1, 255), label="flip")])
    file.write_bytes(content[:at] + flipped + content[at + 1:])
    try:
        found = verify_store(store).damaged
        assert list(found) == [shard] and (file.name in found[shard] or file.stem == "offsets")
    finally:
        file.write_bytes(content)
    assert verify_store(store).is_whole


def delete(file):
    file.unlink()


def truncate(file):
    file.write_bytes(file.read_bytes()[:-4])


def flip(file):
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


def delete_shard(file):
    for other in file.parent.iterdir():
        other.unlink()
    file.parent.rmdir()


def scribble(file):
    (file.parent / SHARD_FACTS).write_text("{")


@pytest.mark.parametrize("array", ["offsets", "input_ids", "teacher_logits", "teacher_hidden", "teacher_hidden_scale"])
@pytest.mark.parametrize("damage", [delete, truncate, flip, delete_shard, scribble])
def test_a_damaged_shard_alone_is_written_again(tmp_path, fake, store, damage, array):
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in store.rglob("shard-*/*")}
    damage(store / "shard-00001" / f"{array}.npy")
    log = tmp_path / "log"
    again = fake.write(tmp_path, fake.sentences(120), fake.Teacher(log), hidden_dtype="int8",
                       verify=damage is flip)
    assert again == store and log.read_text().split()[1::2] == ["50"]  # the teacher ran over that shard alone
    for file, (content, changed) in before.items():
        assert file.read_bytes() == content
        assert (file.stat().st_mtime_ns == changed) == (file.parent.name != "shard-00001")
    assert verify_store(store).is_whole


def test_damage_that_shapes_do_not_show_is_found_when_an_unfinished_store_goes_on(tmp_path, fake, store):
    flip(store / "shard-00001" / "teacher_logits.npy")
    delete(store / "shard-00002" / "teacher_logits.npy")
    log = tmp_path / "log"
    fake.write(tmp_path, fake.sentences(120), fake.Teacher(log), hidden_dtype="int8")
    assert log.read_text().split()[1::2] == ["50", "20"] and verify_store(store).is_whole


def test_opening_reads_no_checksums_but_shapes(store, monkeypatch):
    monkeypatch.setattr("xtremedistil_tf.transfer.shards.checksum", lambda *_: pytest.fail("reads all values"))
    assert len(TransferStore(store)) == 120


def test_a_store_without_checksums_opens_and_verify_says_so(store):
    expected = TransferStore(store).read(60)
    for file in store.rglob(SHARD_FACTS):
        file.unlink()
    for name, values in TransferStore(store).read(60).items():
        np.testing.assert_array_equal(values, expected[name])
    found = verify_store(store)
    assert found.is_whole and found.unchecked == [0, 1, 2]


@pytest.mark.parametrize("facts", [{}, {"checksums": {}}, {"examples": 50}, {"of another program": [1]}])
def test_any_part_of_the_facts_may_be_left_out(store, facts):
    (store / "shard-00000" / SHARD_FACTS).write_text(json.dumps(facts))
    found = verify_store(store)
    assert found.is_whole and found.unchecked == [0]


@pytest.mark.parametrize("facts, message", [
    ({"examples": 49}, "49 examples"), ({"pieces": 0}, "0 subwords"), ([], "not readable"),
    ({"checksums": 3}, "not readable"),
    ({"checksums": {"teacher_logits": "crc32:00000000"}}, "written as crc32:00000000"),
    ({"checksums": {"unheard_of": "crc32:00000000"}}, "unheard_of")])
def test_what_the_facts_say_is_checked(store, facts, message):
    (store / "shard-00000" / SHARD_FACTS).write_text(json.dumps(facts))
    found = verify_store(store)
    assert list(found.damaged) == [0] and message in found.damaged[0]


@pytest.mark.parametrize("damage", [delete, truncate])
@pytest.mark.parametrize("read_before", [False, True])
def test_a_file_that_changes_while_the_store_is_read_is_an_error(store, damage, read_before):
    opened = TransferStore(store)
    if read_before:
        opened.read(119)
    damage(store / "shard-00002" / "teacher_logits.npy")
    with pytest.raises(TransferStoreError, match="teacher_logits.npy: changed since the store was opened"):
        opened.read(119)


def test_offsets_that_fall_are_refused(store):
    file = store / "shard-00000" / "offsets.npy"
    offsets = np.load(file)
    offsets[3] = offsets[5]
    np.save(file, offsets)
    with pytest.raises(TransferStoreError, match="shard-00000: missing or damaged .*never fall"):
        TransferStore(store)


def test_what_is_damaged_is_removed_and_nothing_else(store):
    assert remove_damaged(store).is_whole and Manifest.load(store).complete
    flip(store / "shard-00001" / "teacher_logits.npy")
    delete_shard(store / "shard-00002" / "offsets.npy")
    kept = {file: file.read_bytes() for file in (store / "shard-00000").iterdir()}
    found = remove_damaged(store)
    assert sorted(found.damaged) == [1, 2] and found.damaged[2] == "missing" and found.unchecked == []
    assert found.damaged[1].startswith("teacher_logits.npy: checksum crc32:") and not found.is_whole
    assert [folder.name for folder in sorted(store.glob("shard-*"))] == ["shard-00000"]
    assert {file: file.read_bytes() for file in (store / "shard-00000").iterdir()} == kept
    assert not Manifest.load(store).complete and not (store / OWNER).exists()


def test_damaged_components_are_removed(tmp_path, fake):
    store = fake.write(tmp_path, fake.sentences(120), hidden_components=5)
    (store / "hidden_pca.npz").write_bytes(b"x")
    found = verify_store(store)
    assert found.pca_fault and not found.damaged and not found.is_whole
    assert remove_damaged(store).pca_fault == found.pca_fault
    assert not (store / "hidden_pca.npz").exists() and len(list(store.glob("shard-*"))) == 3
    assert not Manifest.load(store).complete


def test_the_damaged_store_of_another_program_is_left_as_it_is(store):
    manifest = Manifest.load(store)
    dataclasses.replace(manifest, identity={"program": "another"}).save(store)
    assert remove_damaged(store).is_whole
    delete(store / "shard-00001" / "offsets.npy")
    with pytest.raises(TransferStoreError, match="1 of 3 shards are damaged. Another program wrote the store"):
        remove_damaged(store)
    assert Manifest.load(store).complete and (store / "shard-00001").exists()


@pytest.mark.parametrize("array, values, message", [
    ("offsets", np.arange(1, 52), "expected 51 numbers from 0"), ("offsets", np.arange(50), "expected 51 numbers"),
    ("teacher_logits", np.zeros((3, 3), np.float32), r"teacher_logits.npy: float32 \[3, 3\], expected float32 \["),
    ("input_ids", None, "input_ids.npy: missing")])
def test_arrays_of_another_shape_are_found_without_reading_them(store, array, values, message):
    file = store / "shard-00000" / f"{array}.npy"
    delete(file)
    if values is not None:
        np.save(file, values)
    (store / "shard-00000" / SHARD_FACTS).unlink()
    shards = shards_of(store)
    with pytest.raises(TransferStoreError, match=message):
        TransferStore(store)
    assert not shards.is_whole(0) and shards.is_whole(1)


def test_another_kind_of_number_is_found(store):
    file = store / "shard-00000" / "teacher_logits.npy"
    np.save(file, np.load(file).astype(np.float64))
    assert "float64" in shards_of(store).fault(0)


def test_states_of_other_components_are_found(tmp_path, fake):
    store = fake.write(tmp_path, fake.sentences(120), hidden_components=5)
    facts = store / "shard-00001" / SHARD_FACTS
    known = json.loads(facts.read_text())
    assert verify_store(store).is_whole and known["hidden_pca"].startswith("crc32:")
    facts.write_text(json.dumps(known | {"hidden_pca": "crc32:00000000"}))
    assert verify_store(store).damaged == {
        1: "teacher_hidden.npy: kept with other principal components than those in the store"}


def test_a_shard_is_saved_whole_with_what_lies_beside_it(store):
    shards = shards_of(store)
    arrays = {name: np.array(shards.array(0, name)) for name in json.loads(
        (store / "shard-00000" / SHARD_FACTS).read_text())["checksums"]}
    shards.save(0, arrays, 7, {"note.txt": lambda path: path.write_text("x")})
    assert (store / "shard-00000" / "note.txt").read_text() == "x"
    facts = shards.facts(0)
    assert (facts.examples, facts.pieces, facts.truncated) == (50, int(arrays["offsets"][-1]), 7)
    assert shards.is_whole(0) and shards.wrong_values(0) is None
    shards.save(0, arrays)
    assert set(json.loads((store / "shard-00000" / SHARD_FACTS).read_text())) == {"examples", "pieces", "checksums"}
    assert ShardFacts.load(store) == ShardFacts() and shards.offsets(0).dtype == np.int64
