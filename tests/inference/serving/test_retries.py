"""Trying again."""

from __future__ import annotations

import pytest

from xtremedistil_tf.errors import DataError, ModelLoadError
from xtremedistil_tf.inference.serving import client as retries
from xtremedistil_tf.inference.serving.client import Transient, call_with_retries


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr(retries.time, "sleep", found.append)
    return found


def failing(times, error):
    calls = []

    def call():
        calls.append(1)
        if len(calls) <= times:
            raise error
        return len(calls)

    return call


def test_the_answer_after_faults(pauses):
    assert call_with_retries(failing(3, Transient("busy")), 3, "here") == 4
    assert len(pauses) == 3


def test_pauses_double_up_to_a_limit_and_differ(pauses):
    for _ in range(200):
        call_with_retries(failing(7, Transient("busy")), 7, "here")
    limits = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    for number, limit in enumerate(limits):
        seen = pauses[number::7]
        assert 0 <= min(seen) < 0.2 * limit and 0.8 * limit < max(seen) <= limit and len(set(seen)) > 100


def test_other_errors_are_final(pauses):
    with pytest.raises(DataError, match="bad text"):
        call_with_retries(failing(1, DataError("bad text")), 3, "here")
    assert pauses == []


@pytest.mark.parametrize(["times", "text"], [(0, "1 try"), (2, "3 tries")])
def test_no_answer_at_all(pauses, times, text):
    with pytest.raises(ModelLoadError, match=rf"^here: no answer after {text} \(busy\)\. Check the address"):
        call_with_retries(failing(9, Transient("busy")), times, "here")
    assert len(pauses) == times
