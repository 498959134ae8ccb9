"""int8 hidden states: the error that is promised, on data with outlier channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xtremedistil_tf.errors import TransferStoreError
from xtremedistil_tf.transfer import hidden_states as quantization
from xtremedistil_tf.transfer.hidden_states import dequantize, quantize

STATES = hnp.arrays(np.float16, st.tuples(st.integers(0, 40), st.integers(1, 3), st.integers(1, 5)),
                    elements=st.floats(-60000, 60000, width=16))


def restored(states):
    kept = quantize(states)
    assert kept.values.dtype == np.int8 and kept.scale.dtype == kept.offset.dtype == np.float32
    return dequantize(kept.values, kept.scale, kept.offset)


@settings(max_examples=60)
@given(STATES)
def test_no_value_is_off_by_more_than_half_a_step_of_its_channel(states):
    wide = states.astype(np.float64)
    spread = np.ptp(wide, axis=0) if len(wide) else np.zeros(wide.shape[1:])
    largest = np.abs(wide).max(initial=0)
    assert (np.abs(restored(states) - wide) <= spread / 254 / 2 * (1 + 1e-3) + 1e-6 * largest).all()


def test_rows_in_several_blocks_are_the_same_as_in_one(monkeypatch):
    states = np.random.default_rng(0).normal(size=(100, 2, 4)).astype(np.float16)
    whole = quantize(states)
    monkeypatch.setattr(quantization, "_ROWS_AT_ONCE", 7)
    parts = quantize(states)
    for name in ("values", "scale", "offset"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def relative_error(states, approximation):
    """Root mean square error over the deviation, channel by channel."""
    return np.sqrt(((states - approximation) ** 2).mean(0)) / states.std(0)


@pytest.mark.parametrize("outlier", ["scaled", "shifted"])
def test_outlier_channels_do_not_drown_the_others(outlier):
    states = np.random.default_rng(0).normal(size=(20_000, 1, 64))
    states[..., [5, 40]] = states[..., [5, 40]] * 30 if outlier == "scaled" else states[..., [5, 40]] + 30
    per_piece = np.abs(states).max(-1, keepdims=True) / 127
    others = relative_error(states, np.rint(states / per_piece) * per_piece)[0, :5]
    assert others.min() > 0.05  # what this is better than
    assert relative_error(states, restored(states.astype(np.float16))).max() < 0.012


def test_states_that_are_not_finite_are_refused():
    states = np.zeros((3, 1, 2), np.float16)
    for value in (np.nan, np.inf, -np.inf):
        states[1, 0, 1] = value
        with pytest.raises(TransferStoreError, match="not finite"):
            quantize(states)
