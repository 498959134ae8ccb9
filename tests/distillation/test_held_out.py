"""What is held out of the transfer set."""

from __future__ import annotations

import numpy as np
import pytest

from xtremedistil_tf.distillation.stages import hold_out
from xtremedistil_tf.training.batches import Column, RaggedFeatures


def source(examples):
    return RaggedFeatures.from_rows([{"input_ids": [1]}] * examples, {"input_ids": Column(np.int32)})


@pytest.mark.parametrize("fraction, most, held", [(0.1, 5000, 10), (0.5, 20, 20), (0.0, 5000, 1)])
def test_every_example_is_on_one_side(fraction, most, held):
    split = hold_out(source(100), fraction, most, 3)
    assert len(split.valid) == held
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
