"""A task, a text and a model directory whose paths have spaces and letters of other alphabets."""

from __future__ import annotations

import shutil

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig, ExportConfig, PredictionConfig
from xtremedistil_tf.inference.server.loading import load_model
from xtremedistil_tf.runs import export, predict
from xtremedistil_tf.runs.distil import distil

pytestmark = [pytest.mark.without_saved_model, pytest.mark.eager_runs]


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_task, flat_teacher_dir):
    """A folder with `Aufgabe №1`, the teacher `mein Lehrer`, and the student `Schüler 学生 x`."""
    place = tmp_path_factory.mktemp("ein Ordner für 東京 ğ")
    shutil.copytree(tiny_task, place / "Aufgabe №1")
    shutil.copytree(flat_teacher_dir, place / "mein Lehrer")
    config = parse_flags(DistillationConfig, ["distil", *(f"--{name}={value}" for name, value in dict(
        task=place / "Aufgabe №1", transfer_file=place / "Aufgabe №1" / "unlabeled.txt",
        pt_teacher_checkpoint=place / "mein Lehrer", model_dir=place / "Schüler 学生 x", seq_len=24, teacher_epochs=1,
        distil_epochs=1, embedding_size=6, lstm_units=4, strategy="logits", transfer_store_dir=place / "Speicher ß",
    ).items()), "--do_NER", "--trim_vocabulary", "--accept_weak_teacher"], "")
    distil(config)
    return place


def test_prediction(place):
    text, out = place / "Sätze zum Üben.txt", place / "Antworten é.tsv"
    text.write_text("anna met göran\nthe old house\n", encoding="utf-8")
    predict.run(PredictionConfig(model_dir=str(place / "Schüler 学生 x"), do_predict=True, pred_file=str(text),
                                 output_file=str(out)))
    lines = [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()]
    assert [words for words, _ in lines] == ["anna met göran", "the old house"]
    assert [len(tags.split()) for _, tags in lines] == [3, 3]


@pytest.mark.parametrize("form, quantization", [("onnx", "none"), ("tflite", "none"), ("saved_model", "none")])
def test_exports(place, form, quantization):
    """Each file agrees with the student on the dev set, which the export checks."""
    model_dir = place / "Schüler 学生 x"
    report = export.run(ExportConfig(model_dir=str(model_dir), formats=form, quantize=quantization, measure=False),
                        lambda table: None)
    assert report["forms"][form]["agreement"] == 1.0 and report["forms"][form]["passed"]
    if form == "saved_model":
        assert load_model(model_dir, form).source.endswith(form) and load_model(model_dir) is not None


def test_the_store_is_where_it_is_wanted(place):
    assert list((place / "Speicher ß").glob("*/manifest.json"))
