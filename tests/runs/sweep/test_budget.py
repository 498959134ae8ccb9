"""Budgets: what is over them, what the front is about, and who comes nearest."""

from __future__ import annotations

import pytest

from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.runs.sweep.candidates import Budget

FORM = {"ms": 4.0, "megabytes": 8.0}


def budget(**limits):
    return Budget.of(SweepConfig(task="t", sweep_dir="s", **limits))


@pytest.mark.parametrize("limits, over, counted", [
    ({}, [], [4.0, 8.0]),
    ({"max_latency_ms": 4.0}, [], [4.0]),
    ({"max_megabytes": 7.5}, ["8 MB is over `max_megabytes=7.5`"], [8.0]),
    ({"max_latency_ms": 1.0, "max_megabytes": 1.0},
     ["4 ms is over `max_latency_ms=1`", "8 MB is over `max_megabytes=1`"], [4.0, 8.0]),
])
def test_what_counts(limits, over, counted):
    found = budget(**limits)
    assert found.excess(FORM) == over and found.counted(FORM) == counted


def test_the_nearest_is_the_one_that_is_least_over_its_worst_bound():
    forms = [("quick but large", {"ms": 1.0, "megabytes": 40.0}), ("near", {"ms": 3.0, "megabytes": 15.0}),
             ("slow", {"ms": 9.0, "megabytes": 1.0})]
    message = str(budget(max_latency_ms=2.0, max_megabytes=10.0).refuse_all(forms))
    assert "no student meets `max_latency_ms=2` and `max_megabytes=10`. The nearest is near: 3 ms is over" in message
    assert "15 MB is over `max_megabytes=10`" in message
