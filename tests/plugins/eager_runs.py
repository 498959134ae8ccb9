"""`@pytest.mark.eager_runs`: TensorFlow computes one operation after the other in this test, and traces no graph.

A small run takes a few steps with each of a dozen graphs, and tracing one takes as long as a hundred steps. Mark tests
of what a run writes, reuses, says and refuses; what graphs compute is tested where they are made, and in runs without
this mark. Commands that the tests start follow. Graphs that are exported or part of a dataset are traced as always.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import followed_variables

if TYPE_CHECKING:  # the process that forks has no pytest
    import pytest

#: What tells commands.
VARIABLE = "XTREMEDISTIL_EAGER_RUNS"


def follow() -> None:
    """Does in this process what the variable says, from now on, once TensorFlow is imported."""
    if "tensorflow" in sys.modules:
        from tensorflow.python.eager import context
        from tensorflow.python.eager.polymorphic_function import eager_function_run
        from tensorflow.python.eager.polymorphic_function.polymorphic_function import Function

        # Beside `tf.config.run_functions_eagerly`, which functions called while a graph is traced follow, too.
        Function._run_functions_eagerly = property(
            lambda function: eager_function_run.RUN_FUNCTIONS_EAGERLY
            or (VARIABLE in os.environ and context.executing_eagerly()))


@contextlib.contextmanager
def eager_runs() -> Iterator[None]:
    """The same for a few lines of a test or fixture."""
    with followed_variables.held(VARIABLE, follow):
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "eager_runs: this test traces no graphs but those that it exports")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before pytest's own, which makes the fixtures."""
    followed_variables.put(VARIABLE, "1" if item.get_closest_marker("eager_runs") else None, follow)
