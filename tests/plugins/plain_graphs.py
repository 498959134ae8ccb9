"""Graphs run as they were made: what TensorFlow makes of them first (Grappler) took a sixth of a short run.

It pays for graphs that run for minutes. Where a test is about the last bit of a result, graphs are as users have them:
how they are made over may depend on what else is in them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the process that forks has no pytest
    import pytest

#: Tests that graphs give the same to the last bit: after a break, from run to run, on several replicas; and those of
#: a precision that Grappler brings.
AS_USERS_HAVE_THEM = ("tests/cli/test_main_job.py::test_the_model_directory", "tests/cli/test_main_job.py::test_killed",
                      "tests/distillation/test_runner", "tests/training/", "tests/transfer/",
                      "tests/teachers/accelerated/")
#: What tells commands.
VARIABLE = "XTREMEDISTIL_PLAIN_GRAPHS"


def follow() -> None:
    """Does in this process what the variable says, once TensorFlow is imported; nothing is computed for it."""
    if "tensorflow" in sys.modules and VARIABLE in os.environ:
        from tensorflow.python.eager import context

        plain = os.environ[VARIABLE] == "1"
        if context.context().get_optimizer_experimental_options().get("disable_meta_optimizer", False) != plain:
            context.context().set_optimizer_experimental_options({"disable_meta_optimizer": plain})


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before pytest's own, which makes the fixtures."""
    os.environ[VARIABLE] = str(int(not item.nodeid.startswith(AS_USERS_HAVE_THEM)))
    follow()
