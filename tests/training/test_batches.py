"""Batch plans, padding and the pipelines over them."""

from __future__ import annotations

import pathlib
import platform
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.training.batches import (
    BatchPlan,
    Column,
    RaggedFeatures,
    RemappedPieces,
    Shares,
    in_order,
    pad_batch,
    run_over,
)
from xtremedistil_tf.training.pipeline import ShuffledBatches, padded_batches

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def source():
    rng = np.random.default_rng(0)
    rows = [{"input_ids": np.full(n, n), "word_starts": np.ones(n), "labels": n, "teacher_logits": [n, -n]}
            for n in rng.integers(1, 30, 500)]
    return RaggedFeatures.from_rows(rows, {
        "input_ids": Column(np.int32), "word_starts": Column(np.float32), "labels": Column(np.int32, (), False),
        "teacher_logits": Column(np.float32, (2,), False)})


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_is_a_permutation_and_a_function_of_seed_and_number(count, batch_size, seed, epoch):
    lengths = np.random.default_rng(1).integers(1, 50, 400).astype(np.int32)
    indices = np.arange(count) + 50
    plan = BatchPlan(lengths, indices, batch_size, seed)
    batches = plan.epoch(epoch)
    assert sorted(np.concatenate(batches).tolist()) == indices.tolist()
    assert len(batches) == plan.batches_per_epoch
    assert max(map(len, batches)) <= batch_size
    again = BatchPlan(lengths, indices, batch_size, seed).epoch(epoch)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again))


def test_epochs_and_seeds_differ():
    lengths = np.full(300, 5, np.int32)
    orders = {tuple(np.concatenate(BatchPlan(lengths, np.arange(300), 8, seed).epoch(e)))
              for seed in (0, 1) for e in (0, 1)}
    assert len(orders) == 4


def test_batches_are_of_similar_length(source):
    plan = BatchPlan(source.lengths, np.arange(500), 16)
    spread = [np.ptp(source.lengths[batch]) for batch in plan.epoch(0)]
    assert np.mean(spread) < 4  # at random it is about 27


def test_inference_goes_from_long_to_short(source):
    lengths = source.lengths[np.concatenate(BatchPlan(source.lengths, np.arange(500), 16).sorted_by_length())]
    assert np.all(np.diff(lengths) <= 0)


def test_padding(source):
    indices = np.array([3, 77, 400])
    batch = pad_batch(source, indices, pad_id=9, multiple=8)
    assert batch["input_ids"].shape[1] % 8 == 0
    for row, index in enumerate(indices):
        length = source.lengths[index]
        assert batch["attention_mask"][row].sum() == length
        assert np.all(batch["input_ids"][row, :length] == length)
        assert np.all(batch["input_ids"][row, length:] == 9)
        assert np.all(batch["word_starts"][row, length:] == 0)
        assert batch["labels"][row] == length and batch["teacher_logits"][row].tolist() == [length, -length]


def test_many_examples_are_read_one_after_the_other(source):
    indices = np.array([400, 3, 77, 3])
    found = source.read_many(indices)
    for name, column in source.columns.items():
        rows = [source.read(index)[name] for index in indices]
        np.testing.assert_array_equal(found[name], np.concatenate(rows) if column.per_piece else np.stack(rows))
    assert {name: len(values) for name, values in source.read_many(indices[:0]).items()} == dict.fromkeys(found, 0)


def test_pieces_of_a_trimmed_vocabulary_are_padded_with_its_padding(source):
    trimmed = SimpleNamespace(remap=lambda ids: ids + 100)
    indices = np.array([3, 77])
    before, after = (pad_batch(one, indices, pad_id=9) for one in (source, RemappedPieces(source, trimmed)))
    present = before["attention_mask"] == 1
    np.testing.assert_array_equal(after["input_ids"], np.where(present, before["input_ids"] + 100, 9))
    np.testing.assert_array_equal(after["word_starts"], before["word_starts"])


def test_pipeline_yields_the_plans_batches_in_order(source):
    plan = BatchPlan(source.lengths, np.arange(500), 32).epoch(2)
    got = list(padded_batches(source, plan, 0))
    assert len(got) == len(plan)
    for indices, batch in zip(plan, got):
        expected = pad_batch(source, indices, 0)
        assert {name: values.shape for name, values in batch.items()} == {n: v.shape for n, v in expected.items()}
        assert all(np.array_equal(values, expected[name]) for name, values in batch.items())


def test_running_over_a_source_gives_rows_back_without_padding_and_in_order(source):
    def forward(batch):
        return {"pieces": batch["input_ids"] * 2, "whole": batch["teacher_logits"]}

    answers = list(run_over(forward, source, 32, 0, {"pieces": True, "whole": False}))
    assert sorted(index for index, _ in answers) == list(range(500))
    for index, outputs in answers:
        length = source.lengths[index]
        assert outputs["pieces"].tolist() == [2 * length] * length
        assert outputs["whole"].tolist() == [length, -length]
    assert [len(row) for row in in_order(iter(answers), "pieces", 500)] == source.lengths.tolist()


def test_features_are_joined(source):
    both = RaggedFeatures.concatenate(source, source)
    assert len(both) == 1000
    assert all(np.array_equal(both.read(507)[name], source.read(7)[name]) for name in source.data)


def test_an_epoch_can_be_entered_anywhere(source):
    batches = ShuffledBatches(source, BatchPlan(source.lengths, np.arange(500), 32), 0)
    whole, rest = list(batches.epoch(1, 0)), list(batches.epoch(1, 10))
    assert len(rest) == len(whole) - 10
    assert all(np.array_equal(a["input_ids"], b["input_ids"]) for a, b in zip(whole[10:], rest))


def test_shares_of_all_processes_are_the_batch():
    indices = np.arange(100, 117)
    rows = [share for local in ((0, 1), (2, 3)) for share in Shares(local, 4).of(indices)]
    assert sorted(np.concatenate(rows).tolist()) == indices.tolist()
    assert {len(share) for share in rows} == {4, 5}


def test_a_batch_too_small_to_share_goes_to_everyone():
    assert [rows.tolist() for rows in Shares((0, 1), 4).of(np.array([7, 8, 9]))] == [[7, 8, 9]] * 2


def test_an_epoch_in_shares_is_the_epoch(source):
    batches = ShuffledBatches(source, BatchPlan(source.lengths, np.arange(97), 32), 0)
    whole = [batch["labels"].numpy() for batch in batches.epoch(1, 2)]
    halves = [[tuple(b["labels"].numpy() for b in pair) for pair in batches.epoch(1, 2, Shares(local, 4))]
              for local in ((0, 1), (2, 3))]
    for labels, (a, b), (c, d) in zip(whole, *halves, strict=True):
        if len(labels) < 4:
            assert all(share.tolist() == labels.tolist() for share in (a, b, c, d))
        else:
            assert sorted(np.concatenate([a, b, c, d]).tolist()) == sorted(labels.tolist())
    assert min(map(len, whole)) == 1  # 97 = 3 * 32 + 1; every kind of batch is there


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, which the setting is for")
def test_buffers_are_not_given_back_to_the_system(python):
    """Of 20 arrays of 16 MB, one after the other, only the first may fetch its pages."""
    code = """
import resource
import numpy as np, tensorflow as tf
from xtremedistil_tf.training.pipeline import stream

for _ in stream(lambda: iter([{"a": np.ones(3, np.float32)}]), {"a": tf.TensorSpec([3], tf.float32)}):
    pass
np.ones(4_000_000, np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(4_000_000, np.float32)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert int(done.stdout) < 1000, done.stderr
