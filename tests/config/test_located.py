"""What a model directory says of its data holds in whatever folder it is read."""

from __future__ import annotations

import dataclasses
import json

import pytest

from xtremedistil_tf.config import DistillationConfig, ExportConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.runs import export


def test_files_that_are_there_have_whole_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ner").mkdir()
    (tmp_path / "a.txt").touch()
    config = DistillationConfig(task="ner", transfer_file="a.txt,hf:other/b", model_dir="out").located()
    assert (config.task, config.transfer_file) == (str(tmp_path / "ner"), f"{tmp_path / 'a.txt'},hf:other/b")
    assert config.model_dir == str(tmp_path / "out")
    elsewhere = dataclasses.replace(config, task=str(tmp_path / "out" / "kept")).moved_to("/moved")
    assert elsewhere.task == "/moved/kept"
    assert DistillationConfig(task="glue:sst2").located().task == "glue:sst2"


def test_an_export_without_the_data_says_which_flag_it_needs_before_it_reads_the_student(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "load_student", lambda *_: pytest.fail("read"))
    facts = {"format": 2, "student_type": "bilstm", "student": {"num_outputs": 1}, "max_length": None,
             "task": {"kind": "tagging", "labels": ["O"], "options": {}},
             "config": DistillationConfig(task="/no/such/folder").to_json()}
    (tmp_path / "xtremedistil-config.json").write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match=r"/no/such/folder: not found. .* Give its folder as `task`"):
        export.run(ExportConfig(model_dir=str(tmp_path)))
