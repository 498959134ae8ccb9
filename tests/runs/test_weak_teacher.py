"""A teacher that has learned nothing stops the run, before the transfer text is read."""

from __future__ import annotations

import json
import logging
import pathlib
import types

import pytest

from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.corpus.example import Answer, Example, QuestionExample, TextExample
from xtremedistil_tf.errors import WeakTeacherError
from xtremedistil_tf.runs.distil import prepare
from xtremedistil_tf.runs.labelled_data import open_labelled
from xtremedistil_tf.runs.run import Run
from xtremedistil_tf.runs.teachers import check_learned, teachers_of
from xtremedistil_tf.runs.weak_teacher import blind_score, weakness
from xtremedistil_tf.tasks.registry import make_task
from xtremedistil_tf.teachers import fine_tuning
from xtremedistil_tf.teachers.fine_tuned import FineTuned, FineTunedTeachers

TAGGED = [Example(("a", "b", "c"), ("NOUN", "VERB", "NOUN")), Example(("d",), ("VERB",)), Example(("e",), ("NOUN",))]
CLASSES = [TextExample("x", label=label) for label in "aaabb"]
SEVERAL = [TextExample("x", label=labels) for labels in (("a",), ("a",), ("a", "b"), ())]
QUESTIONS = [QuestionExample(str(i), "q", "c", answers=(Answer("c", 0),) if i else ()) for i in range(4)]


@pytest.mark.parametrize("kind, labels, options, dev, expected", [
    # Each has the other's tags, which are right in one of two and three entities.
    ("tagging", ["O", "B-X", "I-X"], {}, [Example(("a", "b", "c"), ("O", "B-X", "B-X")),
                                          Example(("a", "b", "c"), ("O", "B-X", "O"))], 2 * 2 / 3 * 2 / 3 / (4 / 3)),
    ("tagging", ["O", "B-X", "I-X"], {}, [Example(("a", "b", "c"), ("O", "O", "B-X")), Example(("a",), ("O",))], 0),
    ("tagging", ["NOUN", "VERB"], {}, TAGGED, 3 / 5),
    ("classification", ["a", "b"], {}, CLASSES, 3 / 5),
    ("classification", ["a", "b"], {"main_score": "f1"}, CLASSES, 2 * 2 / 5 / (2 / 5 + 1)),  # of the positive class b
    ("classification", ["a", "b"], {"main_score": "macro_f1"}, CLASSES, (2 * 3 / 5 / (3 / 5 + 1) + 0) / 2),
    ("classification", ["a", "b"], {"main_score": "matthews"}, CLASSES, 0),
    ("multi_label", ["a", "b"], {}, SEVERAL, 2 * 3 / (4 + 4)),  # `a` always: 3 right of 4 given and 4 wanted
    ("multi_label", ["a", "b"], {"main_score": "subset_accuracy"}, SEVERAL, 2 / 4),
    ("regression", ["score"], {}, [TextExample("x", label=1.0), TextExample("x", label=2.0)], 0),
    ("question_answering", ["start", "end"], {"version_2": True}, QUESTIONS, 1 / 4),
    ("question_answering", ["start", "end"], {}, QUESTIONS[1:], 0)])
def test_what_needs_no_text(kind, labels, options, dev, expected):
    assert blind_score(make_task(kind, labels, **options), dev) == pytest.approx(expected)


def teacher(tmp_path, *scores, main="accuracy", number=1):
    history = [{"epoch": i, f"val_{main}": score} for i, score in enumerate(scores, 1)]
    return FineTuned(tmp_path / f"teacher{number}", f"abc{number}", history, 1.0, 1.0, 1, 8, 1)


def labelled(dev=CLASSES):
    return types.SimpleNamespace(task=make_task("classification", ["a", "b"]), fingerprint="data", tokenizer=None,
                                 corpus=types.SimpleNamespace(dev=dev))


@pytest.mark.parametrize("scores, weak", [([0.2, 0.6], True), ([0.61, 0.5], False), ([float("nan")], True),
                                          ([float("nan"), 0.7], False)])
def test_the_best_epoch_counts(tmp_path, scores, weak):
    found = weakness(FineTunedTeachers((teacher(tmp_path, *scores),)), labelled(), tmp_path, 16)
    assert bool(found) == weak
    if scores[0] == 0.2:
        assert found == (f"teacher {tmp_path / 'teacher1'}: its dev accuracy is 0.6000, no better than answers that "
                         "ignore the text (0.6000).")


def test_one_weak_teacher_of_several_is_named(tmp_path):
    both = FineTunedTeachers((teacher(tmp_path, 0.9), teacher(tmp_path, 0.5, number=2)))
    assert "teacher2: its dev accuracy is 0.5000" in weakness(both, labelled(), tmp_path, 16)


@pytest.mark.parametrize("change, stops", [
    ({}, True), ({"labelled_data": "other"}, False), ({"teacher_fingerprint": "abc1"}, False),
    ({"strategy": "D0S", "phases": [{"scores": {"accuracy": 0.95}}]}, True),
    ({"baseline_phases": [{"scores": {"accuracy": 0.85}}]}, False), ({"baseline_phases": []}, False)])
def test_a_student_on_labels_alone_that_is_better(tmp_path, change, stops):
    metrics = {"labelled_data": "data", "teacher_fingerprint": "of before", "strategy": "logits", "phases": [],
               "baseline_phases": [{"scores": {"accuracy": 0.1}}, {"scores": {"accuracy": 0.92}}]}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics | change))
    found = weakness(FineTunedTeachers((teacher(tmp_path, 0.9),)), labelled(), tmp_path, 16)
    assert bool(found) == stops
    if not change:
        assert "is 0.9000, below the 0.9200 of the student on labels alone" in found


def test_a_given_teacher_is_measured_on_a_few_and_on_all_only_where_it_seems_weak(tmp_path, monkeypatch):
    asked = []

    def dev_score(loaded, tokenizer, dev, seq_len):
        asked.append(len(dev))
        return lambda: {"accuracy": 0.5 if len(dev) == 100 else 0.7}

    monkeypatch.setattr(fine_tuning, "dev_score", dev_score)
    monkeypatch.setattr(FineTuned, "load", lambda self, task: None)
    given = FineTunedTeachers((teacher(tmp_path),))
    assert weakness(given, labelled(CLASSES * 100), tmp_path, 16) == ""
    assert asked == [100, 500]
    assert weakness(given, labelled(CLASSES * 4), tmp_path, 16) == "" and asked == [100, 500, 20]


def test_the_run_stops_and_goes_on_with_the_same_teacher(tmp_path, tiny_task, flat_teacher_dir, caplog):
    settings = dict(task=str(tiny_task), transfer_file=str(tiny_task / "unlabeled.txt"), model_dir=str(tmp_path),
                    pt_teacher_checkpoint=str(flat_teacher_dir), do_NER=True, seq_len=24, teacher_epochs=1,
                    teacher_learning_rate=1e-9)
    config = DistillationConfig(**settings)
    data = open_labelled(config)
    teachers = teachers_of(Run.of(config), data)
    with pytest.raises(WeakTeacherError, match=r"its dev entity F1 is 0\.\d+, no better than answers that ignore "
                                               r"the text \(0\.\d+\)\. .* the teacher is kept\. It was fine-tuned for "
                                               r"1 epoch: .*`teacher_epochs`.*`accept_weak_teacher` goes on"):
        check_learned(Run.of(config), data, teachers)
    with pytest.raises(WeakTeacherError):
        prepare(Run.of(config))
    (record,) = (tmp_path / "teacher").glob("*/fine-tuning.json")
    before = record.stat().st_mtime_ns
    caplog.set_level(logging.WARNING, "xtremedistil_tf")
    found = prepare(Run.of(DistillationConfig(**settings, accept_weak_teacher=True))).teachers
    assert found.fine_tuned.path == pathlib.Path(record.parent) and record.stat().st_mtime_ns == before
    assert "no better than answers that ignore the text" in caplog.text
    assert not (tmp_path / "transfer").exists()
