"""Operations of a graph do not note where Python made them: a sixth of the time that a graph takes went into that.

TensorFlow walks the whole stack for each of thousands of operations, and pytest's and Keras's stacks are deep. All that
is lost is the part of an error's message that says where an operation was made; `--long_stacks` brings it back.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the process that forks has no pytest
    import pytest


def shorten() -> None:
    """One stack for all operations, once TensorFlow is imported: that of a thread, which is short."""
    tf_stack = sys.modules.get("tensorflow.python.util.tf_stack")
    if tf_stack is None or hasattr(tf_stack, "whole_stack"):
        return
    tf_stack.whole_stack, stacks = tf_stack.extract_stack, []
    thread = threading.Thread(target=lambda: stacks.append(tf_stack.whole_stack()))
    thread.start()
    thread.join()
    tf_stack.extract_stack = lambda stacklevel=1: stacks[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long_stacks", action="store_true", help="errors of TensorFlow's say where operations were made")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before pytest's own, which makes the fixtures."""
    if not item.config.option.long_stacks:
        shorten()
