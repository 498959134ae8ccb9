"""What a model directory says of its task."""

from __future__ import annotations

import json

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.metadata import CONFIG_FILE
from xtremedistil_tf.students.model_directory import load_student, save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask


def saved(folder, tokenizer, task):
    student = new_student(BiLSTMShape(len(tokenizer), 4, 4, 4, task.num_outputs, per_piece=task.per_piece))
    save_student(folder, student, tokenizer, task, DistillationConfig(task="t").to_json())
    return folder


def test_what_is_saved_is_read(tmp_path, tiny_tokenizer):
    found = load_student(saved(tmp_path, tiny_tokenizer, TaggingTask(["O", "B-A", "I-A"])))
    assert found.task.labels == ["O", "B-A", "I-A"]
    assert found.config == json.loads(json.dumps(DistillationConfig(task="t").to_json()))
    assert found.tokenizer.get_vocab() == tiny_tokenizer.get_vocab()
    assert not list(tmp_path.glob(".part*"))


@pytest.mark.parametrize("decoding", ["legal", "argmax"])
def test_the_decoding_is_kept(tmp_path, tiny_tokenizer, decoding):
    saved(tmp_path, tiny_tokenizer, TaggingTask(["O", "B-A", "I-A"], decoding=decoding))
    assert load_student(tmp_path).task.decoding == decoding
    for other in ("legal", "argmax"):
        asked = load_student(tmp_path, other)
        assert asked.task.decoding == asked.config["decoding"] == other


def test_directories_from_before_there_was_a_choice_decode_by_argmax(tmp_path, tiny_tokenizer):
    file = saved(tmp_path, tiny_tokenizer, TaggingTask(["O", "B-A", "I-A"])) / CONFIG_FILE
    facts = json.loads(file.read_text(encoding="utf-8"))
    del facts["task"]["options"]["decoding"], facts["config"]["decoding"]
    file.write_text(json.dumps(facts), encoding="utf-8")
    old = load_student(tmp_path)
    assert old.task.decoding == DistillationConfig.from_json(old.config).decoding == "argmax"
    assert load_student(tmp_path, "legal").task.decoding == "legal"


def test_only_tags_are_decoded(tmp_path, tiny_tokenizer):
    saved(tmp_path, tiny_tokenizer, ClassificationTask(["bad", "good"]))
    assert load_student(tmp_path).task.kind == "classification"
    with pytest.raises(ConfigError, match="`decoding=legal`: `task_kind=classification` has no such setting"):
        load_student(tmp_path, "legal")
