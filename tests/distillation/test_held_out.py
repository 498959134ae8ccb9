"""What is held out of the transfer set, and which batches stand side by side."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.distillation.stages import (
    JointBatches,
    Split,
    held_out_count,
    hold_out,
    joint_validation_batches,
    validation_batches,
)
from xtremedistil_tf.training.batches import BatchPlan, Column, RaggedFeatures, Shares
from xtremedistil_tf.training.pipeline import ShuffledBatches


def source(examples):
    return RaggedFeatures.from_rows([{"input_ids": [1]}] * examples, {"input_ids": Column(np.int32)})


@pytest.mark.parametrize("fraction, most, held", [(0.1, 5000, 10), (0.5, 20, 20), (0.0, 5000, 1)])
def test_every_example_is_on_one_side(fraction, most, held):
    split = hold_out(examples := source(100), fraction, most, 3)
    assert len(split.valid) == held and split.source is examples
    assert sorted([*split.train, *split.valid]) == list(range(100))
    again = hold_out(source(100), fraction, most, 3)
    assert np.array_equal(again.valid, split.valid)
    assert held == 1 or not np.array_equal(hold_out(source(100), fraction, most, 4).valid, split.valid)


def test_one_example_is_trained_on():
    split = hold_out(source(1), 0.5, 10, 3)
    assert list(split.train) == [0] and len(split.valid) == 0


def test_what_was_made_of_held_out_examples_is_neither_trained_on_nor_held_out():
    rng = np.random.default_rng(0)
    provenance = np.concatenate([[0], rng.choice([0, 3, 5], 299)]).astype(np.int8)
    original_of = np.maximum.accumulate(np.where(provenance == 0, np.arange(300), 0))
    split = hold_out(source(300), 0.3, 5000, 7, provenance)
    assert (provenance[split.valid] == 0).all()
    assert len(split.valid) == round(0.3 * (provenance == 0).sum())
    assert not set(original_of[split.train]) & set(split.valid)
    assert set(original_of[split.train]) | set(split.valid) == set(np.flatnonzero(provenance == 0))


def test_without_new_examples_the_split_is_that_of_originals():
    plain, marked = hold_out(source(50), 0.2, 5000, 1), hold_out(source(50), 0.2, 5000, 1, np.zeros(50, np.int8))
    assert np.array_equal(plain.train, marked.train) and np.array_equal(plain.valid, marked.valid)


@pytest.mark.parametrize("total, fraction, most, held", [
    (0, 0.5, 9, 0), (1, 0.5, 9, 0), (2, 0.0, 9, 1), (2, 1.0, 9, 2), (10, 0.26, 9, 3), (100, 0.5, 9, 9)])
def test_how_many_are_held_out(total, fraction, most, held):
    assert held_out_count(total, fraction, most) == held


def numbered(first: int, examples: int) -> RaggedFeatures:
    """Example i has i % 4 + 1 pieces of the id first + i."""
    return RaggedFeatures.from_rows([{"input_ids": [first + i] * (i % 4 + 1)} for i in range(examples)],
                                    {"input_ids": Column(np.int32)})


def shuffled(source: RaggedFeatures, size: int, seed: int, pad_id: int) -> ShuffledBatches:
    return ShuffledBatches(source, BatchPlan(source.lengths, np.arange(len(source)), size, seed), pad_id)


def joint() -> JointBatches:
    """Five transfer batches an epoch, two labelled ones; their examples are numbered from 100 and from 200."""
    return JointBatches(shuffled(numbered(100, 10), 2, 1, 7), shuffled(numbered(200, 5), 3, 2, 9))


def ids(batch) -> list[int]:
    """The numbers of a batch's examples."""
    return np.asarray(batch["input_ids"])[:, 0].tolist()


def test_each_transfer_batch_has_a_labelled_one_beside_it_from_passes_that_go_on():
    batches = joint()
    assert batches.batches_per_epoch == 5
    passes = [rows + 200 for number in range(6) for rows in batches.labelled.plan.epoch(number)]
    for number in (0, 1):
        pairs = list(batches.epoch(number, 0))
        assert [ids(pair["transfer"]) for pair in pairs] == [
            (rows + 100).tolist() for rows in batches.transfer.plan.epoch(number)]
        assert [ids(pair["labelled"]) for pair in pairs] == [rows.tolist() for rows in passes[5 * number:][:5]]
        for pair in pairs:
            for name, padding in (("transfer", 7), ("labelled", 9)):
                hidden = np.asarray(pair[name]["attention_mask"]) == 0
                assert (np.asarray(pair[name]["input_ids"])[hidden] == padding).all()


def test_a_joint_epoch_goes_on_where_it_stopped():
    batches = joint()
    whole, rest = list(batches.epoch(1, 0)), list(batches.epoch(1, 3))
    assert len(rest) == 2
    for name in ("transfer", "labelled"):
        assert [ids(pair[name]) for pair in rest] == [ids(pair[name]) for pair in whole[3:]]


def test_replicas_share_both_batches():
    batches = joint()
    for pair, shared in zip(batches.epoch(0, 1), batches.epoch(0, 1, Shares((0, 1), 2)), strict=True):
        for name in ("transfer", "labelled"):
            assert sorted(row for part in shared for row in ids(part[name])) == sorted(ids(pair[name]))
            assert [len(ids(part[name])) for part in shared] == [-(-len(ids(pair[name])) // 2),
                                                                 len(ids(pair[name])) // 2]


def test_validation_batches_are_those_held_out_longest_first():
    source = numbered(100, 10)
    split = Split(source, np.arange(4), np.array([4, 5, 6, 7, 9]))
    found = list(validation_batches(split, 2, 3))
    assert [ids(batch) for batch in found] == [[107, 106], [105, 109], [104]]
    assert np.asarray(found[0]["input_ids"])[1].tolist() == [106, 106, 106, 3]


def test_the_shorter_of_two_validation_sets_begins_again():
    transfer = Split(numbered(100, 10), np.arange(4), np.array([4, 5, 6, 7, 9]))
    labelled = Split(numbered(200, 5), np.arange(2), np.array([2, 3, 4]))
    found = list(joint_validation_batches(transfer, labelled, 2, 3))
    assert [ids(pair["transfer"]) for pair in found] == [[107, 106], [105, 109], [104]]
    assert [ids(pair["labelled"]) for pair in found] == [[203, 202], [204], [203, 202]]
    assert np.asarray(found[0]["labelled"]["input_ids"])[1].tolist() == [202, 202, 202, 3]
