"""The model card, as the hub's own parser reads it."""

from __future__ import annotations

import math

import huggingface_hub
import pytest

from xtremedistil_tf.evaluation.report.model_card import write_model_card
from xtremedistil_tf.tasks.registry import make_task

CONFIG = {"task": "data/ner", "transfer_file": "/a/b/text.txt.gz,more.txt", "pt_teacher_checkpoint": "bert|base",
          "seq_len": 32}
TAGS = ["O", "B-LOC"]


@pytest.fixture
def written(tmp_path):
    """Writes a card of given metrics, and reads it back."""
    def written(metrics, kind="tagging", labels=TAGS, config=CONFIG, license=""):
        write_model_card(tmp_path / "student", metrics, make_task(kind, labels), config, license)
        assert [file.name for file in (tmp_path / "student").iterdir()] == ["README.md"]
        return huggingface_hub.ModelCard.load(tmp_path / "student" / "README.md")
    return written


def test_what_the_hub_reads(metrics, written):
    data = written(metrics(), license="apache-2.0").data
    assert (data.library_name, data.pipeline_tag, data.license, data.language) == (
        "xtremedistil-tf", "token-classification", "apache-2.0", ["de", "sw"])
    assert data.tags == ["knowledge-distillation", "tensorflow"] and data.model_name == "student"
    found = {(one.dataset_config, one.metric_type): one.metric_value for one in data.eval_results}
    assert found == {(None, "f1"): 0.8817, (None, "precision"): 0.8717, (None, "recall"): 0.8917,
                     ("de", "f1"): pytest.approx(0.8867), ("sw", "f1"): pytest.approx(0.7767)}
    assert {(one.task_type, one.dataset_name, one.dataset_split) for one in data.eval_results} == {
        ("token-classification", "data/ner", "test")}
    assert {one.metric_name for one in data.eval_results} == {"entity F1", "entity precision", "entity recall"}


def test_languages_are_what_they_are_called(metrics, written):
    values = metrics()
    values["student"]["per_language"] = {"no": {"f1": 0.5}, "de": {"f1": 0.5}}
    assert written(values).data.language == ["no", "de"]  # in YAML a bare `no` is false


def test_what_is_no_number_is_no_result(metrics, written):
    values = metrics()
    values["student"] |= {"f1": math.nan, "precision": None}
    assert (None, "f1") not in {(one.dataset_config, one.metric_type) for one in written(values).data.eval_results}
    assert written(metrics(), config={}).data.eval_results is None  # of data without a name


def test_the_tables(metrics, written):
    values = metrics()
    values["exports"]["forms"]["tflite int8"]["passed"] = False
    values["exports"]["forms"]["serving"] = {"path": "export/serving"}
    text = written(values).text
    for line in ("| Teacher | bert\\|base |", "| Strategy | D4.2 |", "| Labelled data | data/ner |",
                 "| Transfer text | text.txt.gz, more.txt |", "| entity F1 | 91.23 | 88.17 | 96.65 % |",
                 "| de | 91.73 | 88.67 | 96.70 |", "| parameters, million | 117.50 | 117.50 | 5.6x |",
                 "| latency, batch 1, 32 subwords, ms | 12.3 | 12.3 | 6.5x |", "| Licence | not stated |",
                 "| tflite int8 | 2.0 | 98.50 | 72.00 | -2.00 | 0.25 | 0.50 | 9.00 | 1,234 | - | FAILED |",
                 "- It was trained on inputs of at most 32 subwords; longer ones are answered in windows."):
        assert f"\n{line}\n" in text, line
    assert "ai_edge_litert" in text and "export/serving/README.md" in text and "onnxruntime" not in text


def test_of_a_directory_without_figures(written):
    card = written({}, "classification", ["bad", "good"], config={})
    assert card.data.license == "unknown" and "| Labels | bad, good |" in card.text
    assert "| Licence | not stated |" in card.text and "## Limits" in card.text
    assert "## Quality" not in card.text and "## Languages" not in card.text and "## Exported" not in card.text


def test_without_a_teacher(metrics, written):
    values = metrics()
    del values["teacher"], values["retention"]
    text = written(values).text
    assert "| entity F1 | - | 88.17 | - % |" in text and "| de | - | 88.67 | - |" in text


def test_names_that_break_markdown_or_yaml(metrics, written):
    hostile = "a: b | <b>\n---\n{{ 1 + 1 }} ü'\""
    values = metrics(strategy=hostile)
    values["student"]["per_language"] = {hostile: {"f1": 0.5}}
    card = written(values, config=CONFIG | {"task": hostile}, license=hostile)
    assert card.data.language == [hostile] and card.data.license == hostile
    assert {one.dataset_name for one in card.data.eval_results} == {hostile}
    assert "| Strategy | a: b \\| \\<b\\> --- {{ 1 + 1 }} ü'\" |\n" in card.text


def test_labels_are_no_markup_and_folders_stay_at_home(written):
    sources = {"task": "/home/ada/secret/ner, ~/more/pos", "transfer_file": "/data/a.txt,b.txt"}
    card = written({}, config=CONFIG | sources, labels=["O", "B-<img src=x>", "B-[a](b)", "I-`x`"]).text
    assert r"B-\<img src=x\>, B-\[a\](b), I-\`x\`" in card
    assert "| ner, pos |" in card and "| a.txt, b.txt |" in card and "/home" not in card and "secret" not in card


def test_many_labels_are_counted(written):
    assert "B-28 and 11 more |" in written({}, labels=["O", *[f"B-{i}" for i in range(40)]]).text
