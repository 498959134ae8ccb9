"""The page of a sweep, from what the sweep leaves behind."""

from __future__ import annotations

import json

import pytest

import sweep_news


@pytest.fixture
def report():
    point = {"title": "E=50 H=100", "quantization": "int8", "score": 0.8125, "test_score": 0.7975, "ms": 0.5,
             "megabytes": 1.25, "parameters": 123_456, "within_budget": True, "front": 1, "name": "E50-H100-int8"}
    return {"task": "/data/peer-ner", "format": "onnx", "kind": "tagging", "main_score": "f1", "split": "test",
            "max_latency_ms": 2.0, "max_megabytes": 0.0, "teacher": 0.9, "dev_examples": 500, "seq_len": 32,
            "versions": {"tensorflow": "2.21"}, "points": [point], "failed": {},
            "rounds": [{"epochs": 0.5, "dev_scores": {"E50-H100": 0.7, "E50-H50": 0.6}, "go_on": ["E50-H100"]}],
            "over_budget": [{"student": "E100-H400", "quantization": "none"}],
            "command": "run_xtreme_distil_sweep.py --task=/data/peer-ner --sweep_dir=/somewhere/sweep"}


def test_page_and_figures(report, tmp_path):
    sweep_news.page(tmp_path / "page.md", report, report["command"])
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 1 | E=50 H=100 | onnx int8 | 81.25 | 79.75 | 0.5 | 1.25 | 123,456 |" in page
    assert "round 1, 50 % of the epochs: E50-H100 70.00, E50-H50 60.00. Went on: E50-H100." in page
    assert "left out untrained, being over the budget: E100-H400 none." in page and "(page.svg)" in page
    figures = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    assert figures["points"][0]["score"] == 0.8125
    for told in (page, json.dumps(figures)):
        assert "/data" not in told and "/somewhere" not in told
