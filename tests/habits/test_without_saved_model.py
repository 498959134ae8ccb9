"""Only marked tests, and the lines that ask for it, go without a SavedModel (tests/plugins/without_saved_model.py)."""

from __future__ import annotations

import subprocess

import pytest
import tensorflow as tf
import without_saved_model

from xtremedistil_tf.export.saved_model import export_saved_model
from xtremedistil_tf.runs import fine_tuning, outcome

COMMAND = "from xtremedistil_tf.runs import outcome; print(outcome.export_saved_model.__module__)"


def writers():
    return {module.export_saved_model for module in (outcome, fine_tuning)}


@pytest.mark.without_saved_model
def test_what_a_marked_test_leaves_is_no_savedmodel(tmp_path, python):
    outcome.export_saved_model(tmp_path / "export" / "saved_model", None, None, None, pairs=False)
    with pytest.raises(OSError):
        tf.saved_model.load(str(tmp_path / "export" / "saved_model"))
    assert export_saved_model not in writers()
    assert subprocess.run([python, "-c", COMMAND], capture_output=True, text=True).stdout == "without_saved_model\n"


def test_others_write_it(python):
    assert writers() == {export_saved_model}
    with without_saved_model.left_out():
        assert export_saved_model not in writers()
    assert writers() == {export_saved_model}
    done = subprocess.run([python, "-c", COMMAND], capture_output=True, text=True)
    assert done.stdout == f"{export_saved_model.__module__}\n"
