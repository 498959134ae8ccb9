"""A multi-label task from its files to a student that answers alike in every form."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import without_saved_model

from xtremedistil_tf.cli import answering_commands
from xtremedistil_tf.config import DistillationConfig, StudentFineTuningConfig
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.inference.server.loading import load_model
from xtremedistil_tf.runs.distil import distil
from xtremedistil_tf.runs.fine_tuning import fine_tune_student
from xtremedistil_tf.students.model_directory import load_student
from xtremedistil_tf.tasks.opening import load_task

WORDS = {"person": ["anna", "boris", "chen", "dora"], "place": ["paris", "oslo", "lima", "cairo"]}
FILLERS = ["met", "in", "saw", "the", "old", "house", "near"]


def example(rng):
    labels = [label for label in WORDS if rng.random() < 0.4]
    words = [rng.choice(FILLERS) for _ in range(rng.randint(2, 5))] + [rng.choice(WORDS[label]) for label in labels]
    rng.shuffle(words)
    return " ".join(words), labels


@pytest.fixture(scope="module")
def distilled(tmp_path_factory, flat_teacher_dir):
    """The run's folder, its metrics, and the task's folder."""
    rng, folder, out = random.Random(7), tmp_path_factory.mktemp("task"), tmp_path_factory.mktemp("out")
    for split, count in (("train", 60), ("dev", 40), ("test", 30)):
        lines = (f"{text}\t{','.join(labels)}\n" for text, labels in (example(rng) for _ in range(count)))
        (folder / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "unlabeled.txt").write_text("".join(example(rng)[0] + "\n" for _ in range(80)), encoding="utf-8")
    config = DistillationConfig(
        task=str(folder), task_kind="multi_label", transfer_file=str(folder / "unlabeled.txt"), model_dir=str(out),
        pt_teacher_checkpoint=str(flat_teacher_dir), seq_len=24, teacher_epochs=2, distil_epochs=8, ft_epochs=30,
        learning_rate=0.03, embedding_size=8, lstm_units=6, strategy="logits_labels", student_distil_batch_size=32,
        accept_weak_teacher=True)
    config.validate()
    return out, distil(config), folder


def test_the_run_measures_and_keeps_thresholds(distilled):
    out, metrics, _ = distilled
    assert (metrics["kind"], metrics["main_score"], metrics["decoding"]) == ("multi_label", "micro_f1", "thresholds")
    for model in ("teacher", "student", "direct_baseline"):
        if model in metrics:
            assert set(metrics[model]["per_type"]) == set(WORDS)
            precision, recall = metrics[model]["precision"], metrics[model]["recall"]
            assert metrics[model]["micro_f1"] * (precision + recall) == pytest.approx(2 * precision * recall)
    differ = metrics["disagreements"]
    assert "confusion" not in metrics and differ["agreement"] == pytest.approx(1 - differ["differ"] / 30)
    saved = load_student(out)
    assert len(saved.task.options["thresholds"]) == 2 and saved.task.labels == ["person", "place"]
    report, card = ((out / name).read_text(encoding="utf-8") for name in ("report.html", "README.md"))
    assert "micro F1" in report and "subset accuracy" in report and "threshold of its own" in report
    assert "multi-label text classification" in card and "person, place" in card


def test_scores_are_those_of_the_saved_student(distilled):
    out, metrics, folder = distilled
    answering_commands.predict(["predict", f"--model_dir={out}", "--do_predict", f"--pred_file={folder / 'test.tsv'}",
                         f"--output_file={out / 'test.txt'}"])
    lines = (out / "test.txt").read_text(encoding="utf-8").splitlines()
    gold = (folder / "test.tsv").read_text(encoding="utf-8").splitlines()
    right = [set(one.split("\t")[0].split(",")) == set(other.split("\t")[1].split(","))
             for one, other in zip(lines, gold, strict=True)]
    assert np.mean(right) == pytest.approx(metrics["student"]["subset_accuracy"])


def test_every_form_answers_alike(distilled, capsys):
    out, _, folder = distilled
    answering_commands.export(["export", f"--model_dir={out}", "--formats=saved_model,tflite,onnx", "--quantize=none",
                        "--nomeasure", "--max_f1_drop=0"])
    forms = json.loads((out / "export" / "exports.json").read_text())["forms"]
    assert {name: facts.get("agreement") for name, facts in forms.items()} == {
        "keras": None, "saved_model": 1.0, "tflite": 1.0, "onnx": 1.0}
    facts = json.loads((out / "export" / "tflite" / "model.json").read_text())["decoding"]
    assert facts["name"] == "thresholds" and facts["thresholds"] == load_student(out).task.options["thresholds"]
    answers = []
    for form in ("keras", "saved_model", "tflite", "onnx"):
        answering_commands.predict(["predict", f"--model_dir={out}", "--do_predict", f"--format={form}",
                             f"--pred_file={folder / 'unlabeled.txt'}", f"--output_file={out / 'answers.txt'}"])
        answers.append([line.split("\t")[0] for line in (out / "answers.txt").read_text().splitlines()])
    assert answers[0] == answers[1] == answers[2] == answers[3] and len(set(answers[0])) > 1


def test_fine_tuning_chooses_new_thresholds(distilled, tmp_path):
    out, _, folder = distilled
    config = StudentFineTuningConfig(model_dir=str(out), output_dir=str(tmp_path), ft_epochs=2, learning_rate=0.03)
    with without_saved_model.left_out():
        scores = fine_tune_student(config)
    tuned = load_student(tmp_path)
    assert scores["before"].keys() == scores["after"].keys()
    dev = load_task(folder, kind="multi_label").dev
    best = StudentPredictor(tuned.student, tuned.tokenizer, tuned.task).calibrated(dev).options["thresholds"]
    assert tuned.task.options["thresholds"] == pytest.approx(best) and len(best) == 2


def test_the_server_answers_as_the_student(distilled):
    out, _, folder = distilled
    saved, texts = load_student(out), (folder / "unlabeled.txt").read_text(encoding="utf-8").splitlines()[:20]
    model = load_model(out, "saved_model")
    assert (model.kind, model.source) == ("multi_label", str(out / "export" / "saved_model"))
    found = model.default.call({"texts": np.array([text.encode() for text in texts], object)})
    wanted = StudentPredictor(saved.student, saved.tokenizer, saved.task).predict(
        [saved.task.lines.parse(text, 1, "") for text in texts])
    for row, answer in enumerate(wanted):
        labels = found["labels"][row][:found["label_counts"][row]]
        assert [label.decode() for label in labels] == list(answer.labels)
        np.testing.assert_allclose(found["probabilities"][row], list(answer.probabilities.values()), atol=1e-5)
