"""Fine-tuning without distilling: a model alone, a student on, a distilled encoder on another task."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import without_saved_model

from xtremedistil_tf.config import DistillationConfig, ModelFineTuningConfig, StudentFineTuningConfig
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.runs.distil import distil
from xtremedistil_tf.runs.fine_tuning import fine_tune_model, fine_tune_student
from xtremedistil_tf.students.model_directory import load_student
from xtremedistil_tf.tasks.opening import load_task

pytestmark = pytest.mark.eager_runs

WORDS = ["good", "fine", "nice", "bad", "poor", "dull", "anna", "met", "the", "old", "house"]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """Texts that are positive when the first word is."""
    folder, rng = tmp_path_factory.mktemp("task"), random.Random(5)
    for split, count in (("train", 60), ("dev", 20), ("test", 20)):
        rows = ([rng.choice(WORDS) for _ in range(5)] for _ in range(count))
        lines = (f"{' '.join(row)}\t{int(row[0] in WORDS[:3])}\n" for row in rows)
        (folder / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "unlabeled.txt").write_text("".join(" ".join(rng.choices(WORDS, k=5)) + "\n" for _ in range(40)))
    return folder


@pytest.fixture(scope="module")
def distilled(task, tmp_path_factory, flat_teacher_dir):
    out = tmp_path_factory.mktemp("distilled") / "out"
    config = DistillationConfig(task=str(task), transfer_file=str(task / "unlabeled.txt"), model_dir=str(out),
                                pt_teacher_checkpoint=str(flat_teacher_dir), seq_len=24, teacher_epochs=1,
                                distil_epochs=1, ft_epochs=1, hidden_size=16, num_hidden_layers=1,
                                num_attention_heads=2, strategy="D1", accept_weak_teacher=True)
    config.validate()
    distil(config)
    return out


def test_a_model_alone(task, tmp_path, flat_teacher_dir):
    config = ModelFineTuningConfig(task=str(task), model_dir=str(tmp_path), seq_len=24, ft_epochs=2, batch_size=16,
                                   pt_model_checkpoint=str(flat_teacher_dir), learning_rate=1e-3)
    config.validate()
    scores = fine_tune_model(config)
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["scores"]["accuracy"] == scores["accuracy"] and written["split"] == "test"
    assert list(tmp_path.glob("*/model.safetensors"))


def test_a_student_on_and_resumed(distilled, tmp_path, capsys):
    config = StudentFineTuningConfig(model_dir=str(distilled), output_dir=str(tmp_path), ft_epochs=3, batch_size=16,
                                     learning_rate=1e-2)
    config.validate()
    scores = fine_tune_student(config)
    assert "before fine-tuning" in capsys.readouterr().out
    assert (tmp_path / "xtremedistil-config.json").exists() and (tmp_path / "export" / "saved_model").is_dir()
    again = fine_tune_student(config)
    assert again == scores


def test_the_encoder_on_another_task_without_any_teacher(distilled, task, tmp_path):
    encoder = distilled / "export" / "encoder"
    assert (encoder / "tf_model.h5").exists() and (encoder / "README.md").exists()
    config = DistillationConfig(task=str(task), model_dir=str(tmp_path), strategy="D0S", seq_len=24, ft_epochs=1,
                                pt_student_checkpoint=str(encoder))
    config.validate()
    with without_saved_model.left_out():
        metrics = distil(config)
    saved, test = load_student(tmp_path), load_task(task, kind="classification").test
    found = StudentPredictor(saved.student, saved.tokenizer, saved.task).predict(test)
    assert "teacher" not in metrics and "retention" not in metrics
    right = [example.label == one.label for example, one in zip(test, found, strict=True)]
    assert metrics["student"]["accuracy"] == pytest.approx(np.mean(right))
    assert not (tmp_path / "teacher").exists()
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Teacher and student" in report
