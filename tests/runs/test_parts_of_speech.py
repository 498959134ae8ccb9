"""Parts of speech from CoNLL-U, without a dev set, to a student and its report."""

from __future__ import annotations

import random

import numpy as np
import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus import Example
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.runs.distil import distil
from xtremedistil_tf.students.model_directory import load_student
from xtremedistil_tf.tasks.opening import load_task

pytestmark = [pytest.mark.without_saved_model, pytest.mark.eager_runs]
WORDS = {"DET": ["the"], "NOUN": ["anna", "oslo", "house"], "VERB": ["met", "saw", "left"], "ADP": ["in", "near"]}


def write(path, rng, count):
    lines = []
    for _ in range(count):
        tags = [rng.choice(list(WORDS)) for _ in range(rng.randint(3, 6))]
        lines += [f"{number}\t{rng.choice(WORDS[tag])}\t_\t{tag}\t_\t_\t0\t_\t_\t_\n"
                  for number, tag in enumerate(tags, 1)]
        lines.append("\n")
    path.write_text("".join(lines), encoding="utf-8")


def test_a_run(tmp_path, flat_teacher_dir):
    task, rng = tmp_path / "task", random.Random(3)
    task.mkdir()
    write(task / "xx-ud-train.conllu", rng, 40), write(task / "xx-ud-test.conllu", rng, 12)
    write(task / "more.conllu", rng, 60)
    metrics = distil(DistillationConfig(
        task=str(task), do_NER=True, dev_fraction=0.25, transfer_file=str(task / "more.conllu"),
        model_dir=str(tmp_path / "out"), pt_teacher_checkpoint=str(flat_teacher_dir), seq_len=32, teacher_epochs=1,
        accept_weak_teacher=True, distil_epochs=1, ft_epochs=1, embedding_size=8, lstm_units=6, strategy="D2",
        student_distil_batch_size=32))
    test = load_task(task, dev_fraction=0.25).test
    saved = load_student(tmp_path / "out")
    found = StudentPredictor(saved.student, saved.tokenizer, saved.task).predict(test)
    right = [one == other for example, tags in zip(test, found, strict=True) for one, other in zip(example.tags, tags)]
    assert saved.task.labels == sorted(WORDS) and metrics["main_score"] == "accuracy" and metrics["split"] == "test"
    assert metrics["student"]["accuracy"] == pytest.approx(np.mean(right))
    page, card = ((tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("report.html", "README.md"))
    assert f"Scores over {len(right)} words" in page and "entity F1" not in page and "entity F1" not in card
    assert StudentPredictor(saved.student, saved.tokenizer, saved.task).predict([Example(("the", "house"))])
