"""What a run says of its data before it looks for a teacher."""

from __future__ import annotations

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import DataError, ModelLoadError
from xtremedistil_tf.runs.labelled_data import open_labelled


@pytest.mark.parametrize("more, error, message", [
    ({}, DataError, "missing.txt: no such file or folder"),
    ({"strategy": "D0S"}, ModelLoadError, "'./no_teacher' does not exist"),  # reads no text
    ({"transfer_store": "store"}, ModelLoadError, "'./no_teacher' does not exist")])
def test_a_wrong_path_is_said_before_a_teacher_is_looked_for(tiny_task, more, error, message):
    config = DistillationConfig(task=str(tiny_task), transfer_file="missing.txt", model_dir="out", do_NER=True,
                                pt_teacher_checkpoint="./no_teacher", **more)
    with pytest.raises(error, match=message):
        open_labelled(config)
