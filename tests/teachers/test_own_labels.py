"""Teachers whose labels are of another tag scheme answer in the task's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xtremedistil_tf.teachers.own_labels import merged, merged_tensor, output_groups

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
BIOES = ["B-LOC", "E-LOC", "O", "S-LOC", "I-LOC", "S-PER", "B-PER", "I-PER", "E-PER"]


@pytest.mark.parametrize(("names", "groups"), [
    (LABELS, [[0], [1], [2], [3], [4]]), (LABELS[::-1], [[4], [3], [2], [1], [0]]),
    (BIOES, [[2], [0, 3], [1, 4], [5, 6], [7, 8]]),
    (["O", "B-LOC", "U-LOC", "I-LOC", "L-LOC", "B-PER", "U-PER", "I-PER", "L-PER"],
     [[0], [1, 2], [3, 4], [5, 6], [7, 8]]),
    (["O", "LOC", "PER"], None), (["O", "I-LOC", "I-PER"], None), (["O", "B-LOC", "E-LOC", "S-LOC"], None),
    ([], None)])
def test_which_outputs_answer_a_label(names, groups):
    assert output_groups(names, LABELS) == groups


@given(arrays.arrays(np.float32, (3, len(BIOES)), elements=st.floats(-9, 9, width=32)))
def test_probabilities_of_what_is_merged_are_added(logits):
    groups = output_groups(BIOES, LABELS)
    powers = np.exp(logits.astype(np.float64))
    shares = powers / powers.sum(-1, keepdims=True)
    expected = np.stack([shares[:, group].sum(-1) for group in groups], -1)
    for found in (merged(logits, groups), merged_tensor(logits, groups).numpy()):
        powers = np.exp(found.astype(np.float64))
        np.testing.assert_allclose(powers / powers.sum(-1, keepdims=True), expected, atol=1e-5)


def test_an_order_alone_changes_no_bit():
    logits = np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)
    groups = output_groups(LABELS[::-1], LABELS)
    assert (merged(logits, groups) == logits[..., ::-1]).all()
    assert (merged_tensor(logits, groups).numpy() == logits[..., ::-1]).all()


def test_torch():
    torch = pytest.importorskip("torch", reason="needs the extra torch")
    from xtremedistil_tf.teachers.own_labels import merged_torch

    logits = np.random.default_rng(0).normal(size=(2, 4, 9)).astype(np.float32)
    groups = output_groups(BIOES, LABELS)
    np.testing.assert_allclose(merged_torch(torch.tensor(logits), groups).numpy(), merged(logits, groups), atol=1e-5)
