"""The export command: every form written, checked against the student, measured, and told about."""

from __future__ import annotations

import functools
import json
import sys

import pytest
import tensorflow as tf
import tf_keras

from xtremedistil_tf.cli import answering_commands
from xtremedistil_tf.config import ExportConfig
from xtremedistil_tf.errors import ConfigError, ExportCheckError, ModelLoadError
from xtremedistil_tf.evaluation import footprint
from xtremedistil_tf.export import tflite_raw_strings
from xtremedistil_tf.runs import export
from xtremedistil_tf.students.cnn import CNNShape
from xtremedistil_tf.students.model_directory import save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory, tiny_task, tiny_tokenizer):
    tf_keras.utils.set_random_seed(4)
    # Of the kinds of student the one that is converted soonest.
    student, task = new_student(CNNShape(len(tiny_tokenizer), 32, 32, 1, 32, len(LABELS))), TaggingTask(LABELS)
    for variable in student.variables:
        variable.assign(tf.random.normal(variable.shape, stddev=0.5))
    folder = tmp_path_factory.mktemp("model")
    save_student(folder, student, tiny_tokenizer, task, {
        "task": str(tiny_task), "transfer_file": str(tiny_task / "unlabeled.txt"), "seq_len": 24, "do_NER": True})
    return folder


@pytest.fixture(scope="module")
def fewer_starts(python):
    """Forms that TensorFlow runs are measured in processes that need not import it."""
    alone = footprint.measure_footprint

    def measure(form, *arguments):
        with pytest.MonkeyPatch.context() as patch:
            if form in ("keras", "saved_model"):
                patch.setattr(sys, "executable", python)
            return alone(form, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "measure_footprint", measure)
        yield


@pytest.fixture(scope="module")
def raw_strings():
    """The quantizations that files for raw strings are asked for; they take long, so one is written."""
    write, asked = tflite_raw_strings.export_raw_string_tflite, []

    def first(folder, student, tokenizer, task, quantization, pairs):
        asked.append(quantization)
        return write(folder, student, tokenizer, task, quantization, pairs=pairs) if len(asked) == 1 else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tflite_raw_strings, "export_raw_string_tflite", first)
        yield asked


@pytest.fixture(scope="module")
def exported(model_dir, fewer_starts, raw_strings):
    answering_commands.export(["export", f"--model_dir={model_dir}", "--quantize=none,float16,dynamic,int8",
                        "--max_f1_drop=1", "--seconds=0.05", "--max_examples=20", "--calibration_examples=8",
                        "--license=mit"])
    return json.loads((model_dir / "export" / "exports.json").read_text())


FORMS = ["saved_model", "tflite", "tflite float16", "tflite dynamic", "tflite int8", "onnx", "onnx int8"]


def test_every_form_is_written_checked_and_measured(model_dir, exported, raw_strings):
    forms = exported["forms"]
    assert [*forms] == ["keras", *FORMS, "serving"]
    for name in FORMS:
        facts = forms[name]
        assert (model_dir / facts["path"]).exists() and facts["bytes"] > 0
        assert facts["agreement"] > 0.9 and facts["passed"]
        assert facts["cold_start_s"] > 0 and facts["examples_per_second"] > 0 and facts["peak_memory_mb"] > 10
        assert facts["latency"]["batch_32"]["median_ms"] > 0
    # What a process that imports no TensorFlow needs.
    assert forms["tflite"]["peak_memory_mb"] < forms["saved_model"]["peak_memory_mb"] / 2
    for name in ("saved_model", "tflite", "onnx"):
        assert forms[name]["agreement"] == 1.0 and forms[name]["difference"] == pytest.approx(0.0)
    assert forms["tflite dynamic"]["bytes"] < forms["tflite"]["bytes"]
    assert raw_strings == ["none", "float16", "dynamic", "int8"]
    assert (model_dir / "export" / "tflite" / "raw_strings_none.tflite").exists()


def test_a_classifier_for_mediapipe(tmp_path, made_texts, uncased_tokenizer, fewer_starts, capsys):
    from xtremedistil_tf.tasks.classification import ClassificationTask

    task = ClassificationTask(["bad", "good"])
    student = new_student(CNNShape(len(uncased_tokenizer), 8, 8, 2, 8, task.num_outputs, per_piece=False))
    save_student(tmp_path, student, uncased_tokenizer, task, {
        "task": str(made_texts), "task_kind": "classification", "seq_len": 16, "do_NER": False})
    answering_commands.export(["export", f"--model_dir={tmp_path}", "--formats=mediapipe", "--quantize=none,int8",
                               "--max_f1_drop=1", "--seconds=0.05"])
    forms = json.loads((tmp_path / "export" / "exports.json").read_text())["forms"]
    assert forms["mediapipe"]["agreement"] == 1.0 and forms["mediapipe"]["latency"]
    assert forms["mediapipe int8"]["path"] == "export/mediapipe/text_classifier_int8.tflite"
    assert "reads 1 of 3 texts" in capsys.readouterr().err


@pytest.fixture
def made_texts(tmp_path):
    folder = tmp_path / "task"
    for split in ("train", "dev", "test"):
        (folder / "en").mkdir(parents=True, exist_ok=True)
        (folder / "en" / f"{split}.tsv").write_text(
            f"Anna met Boris {split}\tgood\nan old house {split}\tbad\nGÖRAN left {split}\tgood\n", encoding="utf-8")
    return folder


@pytest.fixture
def uncased_tokenizer(tiny_tokenizer, tmp_path):
    from transformers import BertTokenizerFast

    file = tmp_path / "vocab.txt"
    file.write_text("\n".join(sorted(tiny_tokenizer.get_vocab(), key=tiny_tokenizer.get_vocab().get)), encoding="utf-8")
    return BertTokenizerFast(str(file), do_lower_case=True)


def test_words_are_beside_files_that_take_token_ids(model_dir, exported):
    for form in ("tflite", "onnx"):
        folder = model_dir / "export" / form
        assert json.loads((folder / "words.json").read_text("utf-8"))["raw_words"] == {"rule": "whitespace"}
        assert "function wordSplitter" in (folder / "words.js").read_text("utf-8")


def test_the_card_names_every_form_and_the_licence(model_dir, exported):
    card = (model_dir / "README.md").read_text()
    assert card.startswith("---\n") and "license: mit" in card and "pipeline_tag: token-classification" in card
    for name in FORMS:
        assert f"| {name} |" in card


def test_a_second_export_keeps_the_figures_of_other_forms(model_dir, exported, capsys):
    answering_commands.export(["export", f"--model_dir={model_dir}", "--formats=onnx", "--quantize=none",
                               "--nomeasure"])
    forms = json.loads((model_dir / "export" / "exports.json").read_text())["forms"]
    assert set(forms) == {"keras", *FORMS, "serving"}
    assert "agreement" in capsys.readouterr().out


@pytest.fixture(scope="module")
def predict(model_dir, exported, tmp_path_factory):
    """form -> what the command writes about the same lines."""
    folder = tmp_path_factory.mktemp("predictions")
    text = folder / "text.txt"
    text.write_text("anna met boris in paris\n\ngöran left oslo .\n" + "lima " * 40 + "\n", encoding="utf-8")

    @functools.cache
    def predict(form):
        answering_commands.predict(["predict", f"--model_dir={model_dir}", "--do_predict", f"--pred_file={text}",
                             f"--output_file={folder / form}", f"--format={form}"])
        return (folder / form).read_text(encoding="utf-8")

    return predict


@pytest.mark.parametrize("form", ["saved_model", "tflite", "onnx"])
def test_predict_answers_alike_in_every_form(predict, form):
    assert len(predict("keras").splitlines()) == 4 and predict(form) == predict("keras")


def test_a_form_that_loses_too_much_makes_the_command_fail(model_dir, exported, monkeypatch):
    monkeypatch.setattr(export.Predictor, "predict", lambda self, examples: [["O"] * len(e.words) for e in examples])
    config = ExportConfig(model_dir=str(model_dir), formats="onnx", quantize="none", measure=False, max_f1_drop=0.0)
    monkeypatch.setattr(TaggingTask, "scores", lambda self, examples, predictions: {
        "f1": 0.25 if all(tag == "O" for row in predictions for tag in row) else 0.75})
    monkeypatch.setattr(export.StudentPredictor, "predict",
                        lambda self, examples: [["B-PER"] * len(e.words) for e in examples])
    with pytest.raises(ExportCheckError, match=r"onnx \(-50.00\)"):
        export.run(config)
    report = json.loads((model_dir / "export" / "exports.json").read_text())
    assert report["forms"]["onnx"]["passed"] is False
    assert "FAILED" in (model_dir / "README.md").read_text()


def test_a_form_that_cannot_be_written_does_not_cost_the_others(model_dir, exported, monkeypatch):
    def refuse(*arguments, **options):
        raise ConfigError("no such operation")

    monkeypatch.setattr(export, "export_saved_model", refuse)
    config = ExportConfig(model_dir=str(model_dir), formats="saved_model,onnx", quantize="none", measure=False)
    with pytest.raises(ExportCheckError, match="saved_model was not exported: no such operation"):
        export.run(config)
    assert json.loads((model_dir / "export" / "exports.json").read_text())["forms"]["onnx"]["passed"]


def test_what_was_not_exported_is_named_with_the_command(tmp_path, model_dir):
    from xtremedistil_tf.inference.predictor import open_runtime

    with pytest.raises(ModelLoadError, match="no exported form. Export it .* --formats=tflite --quantize=dynamic"):
        open_runtime("tflite", tmp_path, "dynamic")
    for name in ("tflite/token_ids_int8.tflite", "onnx/model_none.onnx", "saved_model"):
        (tmp_path / "export" / name).mkdir(parents=True)
    with pytest.raises(ModelLoadError, match=r"has saved_model, tflite \(int8\), onnx\. Export it"):
        open_runtime("tflite", tmp_path, "dynamic")
    with pytest.raises(ConfigError, match="`quantize=dynamic`: onnx is available as none, int8"):
        open_runtime("onnx", tmp_path, "dynamic")


@pytest.mark.parametrize("flags, message", [
    ({"formats": "tflite,coreml"}, "unknown 'coreml'"), ({"quantize": "int4"}, "unknown 'int4'"),
    ({"formats": "saved_model", "quantize": "int8"}, "names none of these"), ({"model_dir": ""}, "required")])
def test_wrong_flags(flags, message):
    with pytest.raises(ConfigError, match=message):
        ExportConfig(**({"model_dir": "x"} | flags)).validate()
