"""`@pytest.mark.without_saved_model`: a run, and fine-tuning a student on, leave a file that is none in its place.

A SavedModel has a tokenizer in its graph, which takes as long to trace as all phases of a small run. Mark tests that
look at other things of a run; a fixture of the module is made for the first test that wants it, so mark all or none of
those that share one. Commands that the tests start follow; `xtreme-distil export` and `export_saved_model` write as
always.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import followed_variables

if TYPE_CHECKING:  # the process that forks has no pytest
    import pytest

#: What tells commands.
VARIABLE = "XTREMEDISTIL_WITHOUT_SAVED_MODEL"
_WRITING = ("xtremedistil_tf.runs.outcome", "xtremedistil_tf.runs.fine_tuning")
_CONTENT = f"No SavedModel: made in a test that is marked without_saved_model, see {pathlib.Path(__file__).name}\n"


def follow() -> None:
    """Does in this process what the variable says, once TensorFlow is imported."""
    for name in _WRITING:
        if VARIABLE in os.environ and "tensorflow" in sys.modules:
            importlib.import_module(name).export_saved_model = _write
        elif name in sys.modules:
            from xtremedistil_tf.export.saved_model import export_saved_model

            sys.modules[name].export_saved_model = export_saved_model


def _write(path: Any, *_: Any, **__: Any) -> None:
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    (path / "saved_model.pb").write_text(_CONTENT, encoding="utf-8")


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """The same for a few lines of a test or fixture."""
    for name in _WRITING:
        importlib.import_module(name)
    with followed_variables.held(VARIABLE, follow):
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "without_saved_model: runs of this test write no SavedModel")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before pytest's own, which makes the fixtures."""
    followed_variables.put(VARIABLE, "1" if item.get_closest_marker("without_saved_model") else None, follow)
