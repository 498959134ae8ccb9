"""Python looks for garbage rarely: graphs are millions of small objects that stay.

Looking after every 700 new ones took a sixth of the time. The converter of TensorFlow Lite looks through all there is
for each file that it writes, and pytest five times when it ends: both are spared too.
"""

from __future__ import annotations

import gc
import importlib
import sys
import types


def rarely() -> None:
    """What is there now counts as needed."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


def spare_converter() -> None:
    """Once TensorFlow is imported."""
    if "tensorflow" in sys.modules:
        importlib.import_module("tensorflow.lite.python.lite").gc = types.SimpleNamespace(collect=lambda: 0)


def pytest_configure() -> None:
    gc.set_threshold(50_000, 10, 10)


def pytest_collection_finish() -> None:
    """All that is tested is imported."""
    rarely()


def pytest_runtest_setup() -> None:
    spare_converter()


def pytest_sessionfinish() -> None:
    gc.freeze()
