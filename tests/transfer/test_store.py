"""The transfer store: what is written is what the teacher says, resumed and checked."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from xtremedistil_tf.corpus import Example, read_text
from xtremedistil_tf.errors import DataError, TransferStoreError
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.teachers.loading import load_classifier
from xtremedistil_tf.teachers.model import Teacher
from xtremedistil_tf.teachers.protocol import TeacherPredictor
from xtremedistil_tf.training.batches import Column, pad_batch
from xtremedistil_tf.transfer import writer
from xtremedistil_tf.transfer.format import HIDDEN, Manifest, load_provenance
from xtremedistil_tf.transfer.making import ShardMaker
from xtremedistil_tf.transfer.reader import TransferStore
from xtremedistil_tf.transfer.text import TransferText
from xtremedistil_tf.transfer.writer import StoreSpec, write_store

TASK = TaggingTask(["O", "B-LOC", "B-PER"])


@pytest.fixture(scope="module")
def teacher(tiny_teacher_dir):
    return Teacher(load_classifier(str(tiny_teacher_dir), TASK, seed=1), TASK)


@pytest.fixture
def sentences(tiny_task):
    return list(text_of(tiny_task / "unlabeled.txt"))


def text_of(path, surplus=(), most=0):
    return TransferText(lambda: read_text(path), str(path), surplus, most)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(writer, "_PIECES_PER_SHARD", 24 * 50)  # 50 sentences


def spec(sentences, **identity):
    return StoreSpec({"teacher": "t", **identity}, TASK, len(sentences), 24,
                     {HIDDEN: Column(np.float16, (1, 32))})


def write(root, sentences, tokenizer, teacher, calls=None, **identity):
    def predictor():
        if calls is not None:
            calls.append(1)
        return TeacherPredictor(teacher, (1,), tokenizer.pad_token_id, 16)

    return write_store(root, spec(sentences, **identity), lambda: sentences, tokenizer, predictor)


def test_the_store_holds_what_hugging_faces_model_answers(tmp_path, sentences, tiny_tokenizer, teacher):
    store = TransferStore(write(tmp_path, sentences, tiny_tokenizer, teacher))
    assert len(store) == len(sentences) == 300
    for index in (0, 49, 50, 151, 299):
        own = tiny_tokenizer([list(sentences[index].words)], is_split_into_words=True, truncation=True, max_length=24,
                             return_tensors="tf")
        answer = teacher.classifier(own, output_hidden_states=True)
        row = store.read(index)
        assert row["input_ids"].tolist() == own["input_ids"][0].numpy().tolist()
        np.testing.assert_allclose(row["teacher_logits"], answer.logits[0], atol=1e-5)
        np.testing.assert_allclose(row["teacher_hidden"][:, 0], answer.hidden_states[1][0], atol=2e-3)
        assert row["teacher_hidden"].dtype == np.float16
        firsts = [w is not None and w != v for v, w in zip([None, *own.word_ids(0)], own.word_ids(0))]
        assert row["word_starts"].astype(bool).tolist() == firsts


def test_smaller_forms_give_hugging_faces_hidden_states_back(tmp_path, sentences, tiny_tokenizer, teacher):
    def written(**form):
        smaller = dataclasses.replace(spec(sentences), **form)
        return TransferStore(write_store(tmp_path, smaller, lambda: sentences, tiny_tokenizer,
                                         lambda: TeacherPredictor(teacher, (1,), tiny_tokenizer.pad_token_id, 16)))

    stores = [written(), written(hidden_dtype="int8"), written(hidden_components=31), written(hidden_components=4)]
    rows = [np.concatenate([store.read(i)["teacher_hidden"] for i in range(300)])[:, 0].astype(float)
            for store in stores]
    errors = [np.sqrt(((row - rows[0]) ** 2).mean()) / rows[0].std() for row in rows]
    assert errors[1] < 0.015 and errors[2] < 0.01 < errors[3]
    own = tiny_tokenizer([list(sentences[7].words)], is_split_into_words=True, truncation=True, max_length=24,
                         return_tensors="tf")
    answer = teacher.classifier(own, output_hidden_states=True).hidden_states[1][0].numpy()
    for store, most in zip(stores[:3], (2e-3, 0.1, 0.1)):
        np.testing.assert_allclose(store.read(7)["teacher_hidden"][:, 0], answer, atol=most)


def test_a_complete_store_never_runs_the_teacher_again(tmp_path, sentences, tiny_tokenizer, teacher):
    calls = []
    first = write(tmp_path, sentences, tiny_tokenizer, teacher, calls)
    assert write(tmp_path, sentences, tiny_tokenizer, teacher, calls) == first
    assert calls == [1]


def test_anything_that_changes_the_content_makes_another_store(tmp_path, sentences):
    base = spec(sentences).manifest().fingerprint
    assert spec(sentences, teacher="u").manifest().fingerprint != base
    assert spec(sentences, layer=2).manifest().fingerprint != base
    assert spec(sentences).manifest().fingerprint == base


def test_an_interrupted_store_goes_on_and_is_identical(tmp_path, sentences, tiny_tokenizer, teacher, monkeypatch):
    whole = write(tmp_path / "a", sentences, tiny_tokenizer, teacher)
    original, done = ShardMaker.save, []

    def breaks(*args):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        original(*args)

    monkeypatch.setattr(ShardMaker, "save", breaks)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "b", sentences, tiny_tokenizer, teacher)
    monkeypatch.setattr(ShardMaker, "save", original)
    part = tmp_path / "b" / whole.name
    with pytest.raises(TransferStoreError, match="incomplete"):
        TransferStore(part)
    untouched = {p: p.stat().st_mtime_ns for p in part.glob("shard-*/*.npy")}
    write(tmp_path / "b", sentences, tiny_tokenizer, teacher)
    assert len(untouched) == 3 * 5 and all(p.stat().st_mtime_ns == t for p, t in untouched.items())
    for file in whole.rglob("*.npy"):
        assert file.read_bytes() == (part / file.relative_to(whole)).read_bytes()
    assert Manifest.load(part) == Manifest.load(whole)


def test_a_damaged_shard_is_found_and_rewritten_alone(tmp_path, sentences, tiny_tokenizer, teacher):
    path = write(tmp_path, sentences, tiny_tokenizer, teacher)
    file = path / "shard-00002" / "teacher_hidden.npy"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TransferStoreError, match="shard-00002: missing or damaged"):
        TransferStore(path)
    others = {p: p.stat().st_mtime_ns for p in path.glob("shard-0000[013]/*.npy")}
    write(tmp_path, sentences, tiny_tokenizer, teacher)
    assert file.read_bytes() == whole
    assert all(p.stat().st_mtime_ns == t for p, t in others.items())


def test_another_format_is_refused(tmp_path, sentences, tiny_tokenizer, teacher):
    path = write(tmp_path, sentences, tiny_tokenizer, teacher)
    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(TransferStoreError, match="format 99, expected 2"):
        TransferStore(path)


def test_columns_can_be_left_out_and_missing_ones_are_named(tmp_path, sentences, tiny_tokenizer, teacher):
    path = write(tmp_path, sentences, tiny_tokenizer, teacher)
    store = TransferStore(path, ["input_ids", "teacher_logits"])
    batch = pad_batch(store, np.array([5, 250]), 0)
    assert set(batch) == {"input_ids", "teacher_logits", "attention_mask"}
    with pytest.raises(TransferStoreError, match="no column attentions"):
        TransferStore(path, ["attentions"])


def test_transfer_text_is_sampled_evenly_and_streams_the_same_twice(tmp_path):
    (tmp_path / "a.txt").write_text("".join(f"w{i}\n" for i in range(100)))
    surplus = [Example((f"s{i}",), ("O",)) for i in range(100)]
    text = text_of(tmp_path / "a.txt", surplus, most=20)
    words = [e.words[0] for e in text]
    assert text.sentences == len(words) == 20 and words == [e.words[0] for e in text]
    assert sum(w.startswith("w") for w in words) == 10
    assert text_of(tmp_path / "a.txt", surplus).sentences == 200
    assert text.fingerprint != text_of(tmp_path / "a.txt", surplus, most=21).fingerprint


def test_no_text_at_all_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(DataError, match="a.txt"):
        text_of(tmp_path / "a.txt")


@pytest.mark.parametrize(("sentences", "shard_sentences", "fine"), [
    (1, 1, True), (0, 1, False), (1, 0, False), (-1, -1, False)])
def test_a_store_has_examples(tmp_path, sentences, shard_sentences, fine):
    columns = {"input_ids": {"dtype": "int32", "shape": [], "per_piece": True}}
    Manifest("f", {}, columns, sentences, shard_sentences).save(tmp_path)
    if fine:
        found = Manifest.load(tmp_path)
        assert (found.complete, found.truncated, found.num_shards) == (False, 0, 1)
    else:
        with pytest.raises(TransferStoreError, match="sentences and shard_sentences must be 1 or more"):
            Manifest.load(tmp_path)


def test_a_store_that_does_not_say_has_originals_only(tmp_path):
    codes = load_provenance(tmp_path, 3)
    assert codes.tolist() == [0, 0, 0] and codes.dtype == np.int8
