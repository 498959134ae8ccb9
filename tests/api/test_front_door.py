"""`distil`, `load` and `Student` for every kind of task, against the tasks' own predictions and the command."""

from __future__ import annotations

import itertools
import json
import logging
import os
import pathlib
import random
import shutil

import numpy as np
import pytest

import xtremedistil_tf as xd
from xtremedistil_tf.config.fields import TASK_KINDS
from xtremedistil_tf.errors import ConfigError, DataError, ModelLoadError

KINDS = [kind for kind in TASK_KINDS if kind != "auto"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_from_python_objects(kind, distilled, rows, texts):
    student = xd.load(distilled(kind))
    assert student.kind == kind and student.metrics["student"]
    given = texts(kind, 5, 9)
    answers = student.predict(given)
    assert len(answers) == 5 and list(student.predict(iter(given))) == answers
    saved = xd.load_student(distilled(kind))
    examples = {"tagging": lambda t: xd.Example(tuple(t.split())), "question_answering": lambda t: xd.QuestionExample(
        "", *t)}.get(kind, xd.TextExample)
    expected = xd.StudentPredictor(saved.student, saved.tokenizer, saved.task).predict([examples(t) for t in given])
    same = {"tagging": lambda a, e: a.tags == e, "classification": lambda a, e: a.label == e.label,
            "multi_label": lambda a, e: list(a.labels) == list(e.labels),
            "regression": lambda a, e: a.value == pytest.approx(e, abs=1e-6),
            "question_answering": lambda a, e: (a.text, a.start, a.end) == (e.text, e.start, e.end)}[kind]
    assert all(map(same, answers, expected)) and same(student.predict(given[0]), expected[0])
    assert all(map(same, student.predict_iter(given, batch_size=2), expected))
    scores = student.evaluate("test")
    assert scores[scores.main_score] == pytest.approx(student.metrics["student"][scores.main_score], abs=1e-6)
    assert student.evaluate(rows(kind, 12, 3)) == scores
    assert scores.main_score.split("_")[0] in str(scores).lower() and "<td" in scores._repr_html_()


def test_entities_stand_where_they_say(distilled):
    student = xd.load(distilled("tagging"))
    text = "  anna met   boris in paris"
    found = student.predict(text)
    assert [word.text for word in found.words] == text.split()
    assert all(text[part.start:part.end] == part.text for part in [*found, *found.words])
    assert student.predict([text.split()])[0].tags == found.tags
    assert all(0 < part.score <= 1 for part in found.words)


def test_a_stream_is_answered_as_it_comes(distilled):
    student, read = xd.load(distilled("classification")), itertools.count()
    answers = student.predict(f"anna {next(read)}" for _ in itertools.count())
    assert [next(answers).label for _ in range(3)] and next(read) < 10_000


def test_the_same_call_does_nothing_again_and_leaves_the_process_as_it_was(distilled, rows, texts, flat_teacher_dir,
                                                                           small, tmp_path, capsys):
    folder = shutil.copytree(distilled("classification"), tmp_path / "out")
    logger = logging.getLogger("xtremedistil_tf")
    random.seed(3), np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3), np.random.seed(3)
    before = logger.level, list(logger.handlers), logger.propagate, logging.getLogger().handlers[:]
    student = xd.distil(task={"train": rows("classification", 24, 1), "dev": rows("classification", 12, 2),
                              "test": rows("classification", 12, 3)}, kind="classification",
                        transfer=texts("classification", 40, 4), teacher=str(flat_teacher_dir), out=folder, **small)
    assert (logger.level, list(logger.handlers), logger.propagate, logging.getLogger().handlers[:]) == before
    assert (random.random(), np.random.rand()) == expected
    steps = json.loads((folder / "steps.json").read_text())
    assert {name for name, step in steps.items() if step["reused"]} == {"teacher", "transfer store", "student",
                                                                        "metrics"}
    assert student.metrics == xd.load(distilled("classification")).metrics


def test_all_faults_at_once_and_by_the_names_of_arguments():
    with pytest.raises(ConfigError) as caught:
        xd.distil("t", "text.txt", out="o", embeding_size=50, lstm_units="many", dropout=2)
    message = str(caught.value)
    assert "`embeding_size`: no such argument; did you mean `embedding_size`?" in message
    assert "`lstm_units='many'`: expected a whole number" in message and "`dropout=2.0`: expected at most" in message
    assert "`task='t'`: no such folder" in message and "`transfer='text.txt'`: no such file" in message
    assert "--" not in message
    with pytest.raises(ConfigError) as caught:
        xd.distil("t", "text.txt", out="o", seq_len=1, dropout=2)
    assert "`seq_len=1`: expected at least 4" in str(caught.value) and "dropout=2" in str(caught.value)
    assert "--" not in str(caught.value)
    here = os.fspath(pathlib.Path(__file__).parent)
    with pytest.raises(ConfigError, match="^`out` is required"):
        xd.distil(here, here)
    with pytest.raises(ConfigError, match="^`transfer` is required. Expected"):
        xd.distil(here, out="o")
    with pytest.raises(ConfigError, match="^`out` is given twice"):
        xd.distil(here, here, out="o", model_dir="p")
    with pytest.raises(ConfigError, match="^`labels='ab'`: expected a list of names"):
        xd.distil([("a", "b")] * 3, here, out="o", labels="ab")


def test_what_is_not_there_is_told(distilled, tmp_path):
    with pytest.raises(ModelLoadError, match="xtremedistil-config.json"):
        xd.load(tmp_path)
    with pytest.raises(ModelLoadError, match="This directory has saved_model.*xtreme-distil export --model_dir="):
        xd.load(distilled("tagging"), form="onnx", quantize="int8")
    with pytest.raises(ConfigError, match="^`quantize=dynamic`: onnx is available as none, int8"):
        xd.load(distilled("tagging"), form="onnx", quantize="dynamic")
    student = xd.load(distilled("classification"))
    with pytest.raises(DataError, match="^predict, item 2: 3, expected a text"):
        student.predict(["a", 3])
    for wrong in (None, 5, b"abc"):
        with pytest.raises(DataError, match=f"^predict: {wrong!r}, expected a text, or of pairs"):
            student.predict(wrong)
    with pytest.raises(ConfigError, match="^`batch_size=-1`: expected"):
        student.predict(["a"], batch_size=-1)
    with pytest.raises(DataError, match="^evaluate: 'valid', expected 'test', 'dev' or 'train', a labelled file"):
        student.evaluate("valid")
    with pytest.raises(ConfigError, match="^`form='onx'`: expected one of keras, saved_model, tflite, onnx"):
        xd.load(distilled("tagging"), form="onx")
    with pytest.raises(ConfigError, match="^`quantize=int8`: keras is available as none"):
        xd.load(distilled("tagging"), quantize="int8")
    with pytest.raises(ConfigError, match="The address of a server is a form"):
        xd.load("http://localhost:1")
    with pytest.raises(ConfigError, match="^`form=onnx` is available as none, int8"):
        student.export("onnx", quantize="float16")
    for quantize in ("none", "int8"):
        with pytest.raises(ConfigError, match="unknown 'nothing'. Expected some of saved_model"):
            student.export("nothing", quantize)


def test_export_open_and_save(distilled, tmp_path):
    student = xd.load(distilled("tagging")).save(tmp_path / "copy")
    assert not list((tmp_path / "copy").rglob("transfer*")) and list((tmp_path / "copy" / "data").glob("task-*"))
    assert (tmp_path / "copy" / "export" / "saved_model").exists()
    file = student.export("onnx", quantize="int8", max_f1_drop=1.0, measure=False)
    assert file.exists()
    text = "anna met boris"
    onnx = xd.load(tmp_path / "copy", form="onnx", quantize="int8")
    assert [word.text for word in onnx.predict(text).words] == text.split()
    assert student.report().name == "report.html" and "tagging" in repr(student) and "<td" in student._repr_html_()
    with pytest.raises(ConfigError, match="already exists. Expected the path of a new folder"):
        student.save(tmp_path / "copy")


def test_training_on_changes_the_answers(distilled):
    student = xd.load(distilled("classification"))
    before = student.predict("anna")
    student.model.head.bias.assign_add([5.0, -5.0])
    assert student.predict("anna").score != before.score
