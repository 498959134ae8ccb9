"""Batches of all shapes run through one graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil_tf.training.pipeline import traced_once


def batch_of(rows, time, *names):
    return {name: np.full((rows, time), number, np.int32) for number, name in enumerate(names, 1)}


def test_it_is_traced_once_for_all_shapes_of_the_same_inputs():
    traced = []

    def total(batch):
        traced.append(sorted(batch))
        return tf.add_n([tf.reduce_sum(values) for values in batch.values()])

    run = traced_once(total)
    for rows, time in ((1, 4), (32, 4), (32, 9), (3, 1)):
        assert run(batch_of(rows, time, "input_ids", "attention_mask")).numpy() == 3 * rows * time
    assert traced == [["attention_mask", "input_ids"]]
    assert run(batch_of(2, 2, "input_ids", "attention_mask", "token_type_ids")).numpy() == 24
    assert len(traced) == 2


@pytest.mark.parametrize("kind", [np.array, tf.constant])
def test_what_a_model_does_not_read_is_left_out(kind):
    run = traced_once(lambda batch: sorted(batch) == ["input_ids"])
    assert run({"word_starts": kind([1.0]), "input_ids": kind([[1]])})
