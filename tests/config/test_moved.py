"""The configuration of a model directory that was moved."""

from __future__ import annotations

from xtremedistil_tf.config import DistillationConfig


def test_data_in_the_directory_moves_with_it_and_other_data_stays():
    config = DistillationConfig(task="out/a/data/task", transfer_file="text.txt", model_dir="out/a")
    moved = config.moved_to("/b")
    assert (moved.task, moved.transfer_file, moved.model_dir) == ("/b/data/task", "text.txt", "/b")
    beside = DistillationConfig(task="out/ab/task", transfer_file="/t", model_dir="out/a").moved_to("/b")
    assert (beside.task, beside.transfer_file) == ("out/ab/task", "/t")
    assert DistillationConfig(task="/t", model_dir="").moved_to("/b").task == "/t"
