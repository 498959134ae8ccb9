"""The students that lists of sizes make."""

from __future__ import annotations

import os
import pathlib

from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.runs.sweep.candidates import candidates, inputs_fingerprint


def config(**more):
    return SweepConfig(**dict(task="t", transfer_file="u", sweep_dir="s") | more)


def test_every_combination_in_order():
    found = candidates(config(sweep_embedding_size="50,100", sweep_lstm_units="200, 100,200", distil_epochs=7))
    assert [c.name for c in found] == ["e50-h200", "e50-h100", "e100-h200", "e100-h100"]
    sizes = [(c.config.embedding_size, c.config.lstm_units) for c in found]
    assert sizes == [(50, 200), (50, 100), (100, 200), (100, 100)]
    assert found[0].title == "E=50 H=200"
    for candidate in found:
        candidate.config.validate()
        assert candidate.config.model_dir == f"s/runs/{candidate.name}" and candidate.config.distil_epochs == 7
        assert candidate.config.student_type == "bilstm"


def test_what_is_not_listed_stays_as_it_is():
    found = candidates(config(sweep_num_hidden_layers="2,4", hidden_size=128))
    assert [(c.name, c.title, c.config.hidden_size, c.config.num_hidden_layers) for c in found] == [
        ("l2", "L=2", 128, 2), ("l4", "L=4", 128, 4)]
    assert {c.config.student_type for c in found} == {"transformer"}


def test_convolutional_students_and_projections():
    found = candidates(config(sweep_embedding_size="50", sweep_cnn_channels="64,128", sweep_cnn_blocks="4",
                              sweep_projection_size="64"))
    assert [(c.name, c.config.student_type) for c in found] == [("e50-c64-l4-p64", "cnn"), ("e50-c128-l4-p64", "cnn")]
    assert (found[1].config.cnn_channels, found[1].config.cnn_blocks, found[1].config.projection_size) == (128, 4, 64)


def test_sizes_that_several_kinds_have_are_for_the_one_that_is_named():
    assert {c.config.student_type for c in candidates(config(sweep_projection_size="64,128"))} == {"bilstm"}
    (named,) = candidates(config(sweep_embedding_size="50", student_type="cnn"))
    assert named.config.student_type == "cnn"


def test_runs_share_teacher_and_store():
    shared = config(sweep_lstm_units="9").shared()
    assert (shared.teacher_model_dir, shared.transfer_store_dir) == ("s/teacher", "s/transfer")
    own = config(sweep_lstm_units="9", teacher_model_dir="mine", transfer_store_dir="stores").shared()
    assert (own.teacher_model_dir, own.transfer_store_dir) == ("mine", "stores")
    (candidate,) = candidates(config(sweep_dir="", model_dir="out", sweep_lstm_units="9"))
    assert candidate.config.model_dir == "out/sweep/runs/h9"


def test_a_short_run_has_fewer_epochs_and_no_baseline():
    (candidate,) = candidates(config(sweep_lstm_units="9", distil_epochs=100, ft_epochs=2, frozen_epochs=5,
                                     direct_baseline=True, patience=3))
    short = candidate.shortened(0.1, pathlib.Path("elsewhere"))
    assert (short.distil_epochs, short.ft_epochs, short.frozen_epochs) == (10, 1, 1)
    assert not short.direct_baseline and short.model_dir == "elsewhere"
    assert (short.patience, short.teacher_model_dir) == (3, candidate.config.teacher_model_dir)


def test_changed_files_are_noticed(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "train.tsv").write_text("a\tO\n")
    (tmp_path / "u.txt").write_text("b\n")
    settings = config(task=str(tmp_path / "task"), transfer_file=f"{tmp_path / 'u.txt'}, {tmp_path / 'none.txt'}",
                      sweep_lstm_units="9")
    before = inputs_fingerprint(settings)
    assert inputs_fingerprint(settings) == before
    os.utime(tmp_path / "u.txt", ns=(0, 0))
    changed = inputs_fingerprint(settings)
    (tmp_path / "task" / "dev.tsv").write_text("a\tO\n")
    assert len({before, changed, inputs_fingerprint(settings)}) == 3


def test_what_the_sweep_itself_writes_is_no_change(tmp_path):
    (tmp_path / "train.tsv").write_text("a\tO\n")
    settings = config(task=str(tmp_path), sweep_dir=str(tmp_path / "sweep"), sweep_lstm_units="9")
    before = inputs_fingerprint(settings)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text("{}")
    assert inputs_fingerprint(settings) == before
