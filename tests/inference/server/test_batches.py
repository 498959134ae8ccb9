"""Batches hold every row once, are bounded, and answer as one call does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.inference.server.api import plan, run_batches


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(40, 100))
def test_plan(sizes, most):
    batches = plan(sizes, most)
    assert sorted(row for rows in batches for row in rows) == list(range(len(sizes)))
    assert all(len(rows) * max(sizes[row] for row in rows) <= most for rows in batches)


def letters(inputs):
    """Pads to the longest text of its call, as the signatures do."""
    texts = inputs["texts"]
    width = max(map(len, texts), default=0)
    table = np.full((len(texts), width), b"", object)
    codes = np.full((len(texts), width), -1, np.int32)
    for row, text in enumerate(texts):
        table[row, : len(text)] = [text[i: i + 1] for i in range(len(text))]
        codes[row, : len(text)] = list(text)
    return {"letters": table, "codes": codes, "counts": np.array([len(text) for text in texts])}


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(9, 20))
def test_batches_answer_as_one_call(texts, most):
    inputs = {"texts": np.array(texts, object)}
    found = run_batches(letters, inputs, plan([max(1, len(text)) for text in texts], most))
    for name, wanted in letters(inputs).items():
        np.testing.assert_array_equal(found[name], wanted)
        assert found[name].dtype == wanted.dtype
