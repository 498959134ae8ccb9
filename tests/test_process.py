"""What long work does to its process, and how it shows its progress."""

from __future__ import annotations

import logging
import random
import sys
import types

import numpy as np

from xtremedistil_tf import progress
from xtremedistil_tf.process import OURS, kept_random_state, log_lines


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
