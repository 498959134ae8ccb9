"""Tables for the terminal and the model card, read back cell by cell."""

from __future__ import annotations

import pytest

from xtremedistil_tf.report.exports_table import exports_rows, exports_table
from xtremedistil_tf.report.model_card import write_model_card
from xtremedistil_tf.report.table import results_table
from xtremedistil_tf.tasks.classification import ClassificationTask
from xtremedistil_tf.tasks.tagging import TaggingTask


def model(f1: float) -> dict:
    return {"f1": f1, "parameters": 2_000_000, "parameters_seen_pieces": 1_000_000, "bytes": 8_000_000,
            "latency": {"batch_1": {"median_ms": 1.25}, "batch_32": {"median_ms": 20.0}, "seq_len": 32}}


def measured(**more) -> dict:
    languages = {"de": {"f1": 0.8}, "sw": {"f1": 0.6}}
    return {"main_score": "f1", "kind": "tagging", "split": "test", "sentences": 10, "strategy": "D4.2",
            "teacher": model(0.9) | {"per_language": {"de": {"f1": 0.95}, "sw": {"f1": 0.75}},
                                     "mean_f1": 0.85, "std_f1": 0.1},
            "student": model(0.72) | {"per_language": languages, "mean_f1": 0.7, "std_f1": 0.1},
            "retention": {"f1": 0.8, "mean_f1": 0.82, "per_language": {"de": 0.84, "sw": 0.8}, "compression": 3.0,
                          "compression_seen_pieces": 2.0, "speedup_batch_1": 5.0, "speedup_batch_32": 6.0}} | more


EXPORTS = {"main_score": "f1", "kind": "tagging", "examples": 500, "threads": 1, "seq_len": 32, "forms": {
    "keras": {"f1": 0.72, "bytes": 8_000_000},
    "tflite int8": {"f1": 0.7, "bytes": 2_000_000, "agreement": 0.985, "difference": -0.02, "passed": False,
                    "latency": {"batch_1": {"median_ms": 0.5}, "batch_32": {"median_ms": 9.0}},
                    "cold_start_s": 0.25, "examples_per_second": 1234.5, "peak_memory_mb": 55.5},
    "serving": {"bytes": 8_100_000, "path": "export/serving"}}}


def cells(text: str, name: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.split()[:1] == [name])


def test_results_with_languages_and_further_sets():
    table = results_table(measured(extra={"mismatched": {"teacher": 0.91, "student": 0.745}}))
    assert cells(table, "entity")[2:] == ["90.00", "72.00", "80.00", "%"]
    assert cells(table, "sw") == ["sw", "75.00", "60.00", "80.00", "%"]
    assert cells(table, "mismatched") == ["mismatched", "91.00", "74.50"]


def test_results_without_a_teacher():
    metrics = measured()
    del metrics["teacher"], metrics["retention"]
    assert cells(results_table(metrics), "entity") == ["entity", "F1", "72.00"]


def test_exports():
    header, keras, int8 = exports_rows(EXPORTS)  # serving holds the SavedModel's files: no row of its own
    assert keras[:4] == ["keras", "8.0", "-", "72.00"] and keras[-1] == ""
    assert int8 == ["tflite int8", "2.0", "98.50", "70.00", "-2.00", "0.25", "0.50", "9.00", "1,234", "56", "FAILED"]
    assert len(header) == len(int8)
    assert "500 dev examples; latency at 32 pieces, 1 thread," in exports_table(EXPORTS)


@pytest.fixture
def card(tmp_path):
    config = {"task": "data/ner", "transfer_file": "/a/b/text.txt.gz,more.txt", "pt_teacher_checkpoint": "bert|base",
              "seq_len": 32}
    write_model_card(tmp_path, measured(exports=EXPORTS), TaggingTask(["O", "B-LOC"]), config, "apache-2.0")
    return (tmp_path / "README.md").read_text(encoding="utf-8")


def test_card(card):
    assert card.startswith("---\nlibrary_name: xtremedistil-tf\npipeline_tag: token-classification\n"
                           "license: apache-2.0\nlanguage:\n- \"de\"\n- \"sw\"\n")
    for line in ("| Teacher | bert\\|base |", "| Strategy | D4.2 |", "| Labelled data | data/ner |",
                 "| Transfer text | text.txt.gz, more.txt |", "| entity F1 | 90.00 | 72.00 | 80.00 % |",
                 "| de | 95.00 | 80.00 | 84.00 |", "| parameters, million | 2.00 | 2.00 | 3.0x |",
                 "| latency, batch 1, 32 pieces, ms | 1.2 | 1.2 | 5.0x |"):
        assert line in card, line
    assert "| tflite int8 | 2.0 |" in card and "export/serving/README.md" in card and "FAILED" in card


def test_card_of_a_directory_without_figures(tmp_path):
    write_model_card(tmp_path, {}, ClassificationTask(["bad", "good"]), {})
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: unknown" in card and "| Labels | bad, good |" in card and "## Quality" not in card
    assert "| Licence | not stated |" in card and "## Limits" in card
