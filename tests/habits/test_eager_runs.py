"""The mark `eager_runs`: only what is exported is traced, here and in commands; without it all is, as for users."""

from __future__ import annotations

import subprocess

import eager_runs
import pytest

COMMAND = """
import tensorflow as tf
print(bool(tf.function(tf.executing_eagerly)()))
"""


def ran_eagerly(tf):
    """Whether a new tf.function runs so, and one of it that is exported."""
    seen = []
    function = tf.function(lambda number: seen.append(tf.executing_eagerly()) or number)
    function(tf.constant(1)), tf.function(lambda: function(tf.constant("other"))).get_concrete_function()
    return seen


def test_where_it_is_not_asked_for(python):
    import tensorflow as tf

    assert ran_eagerly(tf) == [False, False]
    with eager_runs.eager_runs():
        assert ran_eagerly(tf) == [True, False]
    assert ran_eagerly(tf) == [False, False]
    tf.config.run_functions_eagerly(True)  # as a dry run does
    try:
        assert ran_eagerly(tf)[0]
    finally:
        tf.config.run_functions_eagerly(False)
    assert subprocess.run([python, "-c", COMMAND], capture_output=True, text=True).stdout.split() == ["False"]


@pytest.mark.eager_runs
def test_where_it_is_asked_for(python):
    import tensorflow as tf

    assert ran_eagerly(tf) == [True, False]
    assert subprocess.run([python, "-c", COMMAND], capture_output=True, text=True).stdout.split() == ["True"]
