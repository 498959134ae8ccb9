"""Batches of all shapes run through one graph."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from xtremedistil_tf.training.pipeline import logits_alone, traced_once


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


def test_a_model_is_traced_once_for_all_who_ask():
    class Model:
        traces = 0

        def __call__(self, batch, training):
            self.traces += 1
            return {"logits": tf.cast(batch["input_ids"], tf.float32)}

    model, batch = Model(), {"input_ids": np.ones((2, 3), np.int32), "attention_mask": np.ones((2, 3), np.int32)}
    for _ in range(2):
        np.testing.assert_array_equal(logits_alone(model)(batch), batch["input_ids"])
    assert model.traces == 1 and logits_alone(Model()) is not logits_alone(model)
