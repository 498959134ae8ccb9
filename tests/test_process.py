"""What long work does to its process, and how it shows its progress."""

from __future__ import annotations

import logging
import random
import sys
import types

import numpy as np
import pytest

from xtremedistil_tf import progress
from xtremedistil_tf.process import OURS, kept_random_state, log_lines, peak_memory


def test_our_log_is_shown_unless_the_caller_shows_it(capsys, monkeypatch):
    ours, root = logging.getLogger(OURS), logging.getLogger()
    for logger in (ours, root):
        monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(ours, "level", logging.NOTSET)
    monkeypatch.setattr(ours, "propagate", True)
    with log_lines():
        ours.info("seen")
        assert len(ours.handlers) == 1
    assert "seen" in capsys.readouterr().err and not ours.handlers and ours.level == logging.NOTSET
    monkeypatch.setattr(root, "handlers", [logging.NullHandler()])
    with log_lines():
        assert not ours.handlers and ours.isEnabledFor(logging.INFO)


def test_random_numbers_go_on_as_if_nothing_had_been():
    random.seed(1), np.random.seed(1)
    expected = random.random(), np.random.rand()
    random.seed(1), np.random.seed(1)
    with kept_random_state():
        random.random(), np.random.rand(5)
    assert (random.random(), np.random.rand()) == expected


def test_in_a_notebook_the_bar_is_shown_whatever_stderr_is(monkeypatch):
    assert not progress.in_notebook()
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    assert progress.in_notebook()
    with progress.progress_bar(3, "work", "item") as bar:
        assert not isinstance(bar, progress._LoggedBar)


def test_the_rate_leaves_out_the_first_items(monkeypatch):
    """They wait for a graph that is built once."""
    now = [0.0]
    bar = progress.progress_bar(100, "training", "batch", initial=10)
    monkeypatch.setattr(bar, "_time", lambda: now[0])
    bar.start_t = 0.0
    now[0] = 20.0
    bar.update(1)
    now[0] = 30.0
    bar.update(10)
    facts = bar.format_dict
    bar.close()
    assert (facts["n"] - facts["initial"], facts["elapsed"], facts["total"]) == (10, 10.0, 100)


def test_peak_memory_is_of_this_process(tmp_path, monkeypatch):
    import resource

    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak_memory() == pytest.approx(ours, rel=0.5)
    monkeypatch.setattr("xtremedistil_tf.process.pathlib.Path", lambda path: tmp_path / "none")
    assert peak_memory() == ours
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() is None
