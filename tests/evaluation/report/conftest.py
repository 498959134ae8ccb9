"""Metrics of a run, and the report of metrics, read back with the standard library's XML parser."""

from __future__ import annotations

import pathlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest

from xtremedistil_tf.evaluation.report.page import write_report

EXPORTS = {"main_score": "f1", "kind": "tagging", "examples": 500, "threads": 1, "seq_len": 32, "forms": {
    "keras": {"f1": 0.72, "bytes": 8_000_000},
    "tflite int8": {"f1": 0.72, "bytes": 2_000_000, "agreement": 0.985, "difference": -0.02,
                    "latency": {"batch_1": {"median_ms": 0.5}, "batch_32": {"median_ms": 9.0}},
                    "cold_start_s": 0.25, "examples_per_second": 1234.5}}}
COUNTS = {"O": {"O": 1200, "B-X": 30}, "B-X": {"O": 5, "B-X": 15}}
SENTENCE = {"language": "ar", "words": "ولد في القاهرة", "gold": "O O B-X", "teacher": "O O B-X",
            "student": "O B-X O"}


class Page:
    """A report that was written. That it is well-formed is checked by reading it."""

    def __init__(self, path: pathlib.Path):
        self.source = path.read_text(encoding="utf-8")
        self.root = ElementTree.fromstring(path.read_bytes())
        self.sections = {section.get("id"): section for section in self.root.iter("section")}
        #: Figures of the learning curves by name.
        self.charts = {figure.get("data-chart"): figure for figure in self.root.iter("figure")
                       if figure.get("data-chart")}
        #: Name -> value and note of the figures in large print.
        self.figures = {words(div.find("dt")): [words(dd) for dd in div.findall("dd")]
                        for div in self.root.find(".//dl").findall("div")}

    def table(self, section: str) -> ElementTree.Element:
        return self.sections[section].find(".//table")

    def rows(self, section: str) -> dict[str, list[str]]:
        return rows(self.table(section))


def words(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def rows(table: ElementTree.Element) -> dict[str, list[str]]:
    """Name -> cells, with white space as a browser shows it."""
    return {words(row[0]): [words(cell) for cell in row[1:]] for row in table.find("tbody")}


def scores(f1: float) -> dict[str, Any]:
    row = {"f1": f1, "precision": f1 - 0.01, "recall": f1 + 0.01, "support": 1234}
    return row | {
        "per_type": {"LOC": row | {"support": 500}, "PER": row | {"f1": f1 + 0.02, "support": 734}},
        "per_language": {"de": row | {"f1": f1 + 0.005, "sentences": 600},
                         "sw": row | {"f1": f1 - 0.105, "sentences": 400}},
        "mean_f1": f1 - 0.05, "std_f1": 0.055, "parameters": 117_500_000, "bytes": 470_000_000,
        "parameters_seen_pieces": 70_000_000, "bytes_seen_pieces": 280_000_000,
        "latency": {"batch_1": {"median_ms": 12.34, "min_ms": 11.06, "runs": 40},
                    "batch_32": {"median_ms": 221.96, "min_ms": 209.14, "runs": 9}, "seq_len": 32}}


def phase(name: str, stage: str, epochs: int, best: int, f1: float) -> dict[str, Any]:
    history = [{"epoch": i, "loss": 2.0 / i, "val_loss": 2.1 / i + 0.01 * i, "learning_rate": 0.001,
                "seconds": 12.0 * i} for i in range(1, epochs + 1)]
    return {"name": name, "stage": stage, "unfrozen": ("head", "projection"), "history": history,
            "best_epoch": best, "seconds": 12.0 * epochs, "scores": {"f1": f1}, "reused": False}


def made(**more: Any) -> dict[str, Any]:
    return {
        "task": "data/sample", "kind": "tagging", "main_score": "f1", "split": "test", "sentences": 1000,
        "strategy": "D4.2", "seen_pieces": 51234,
        "teacher": scores(0.9123), "student": scores(0.8817), "direct_baseline": scores(0.7901),
        "retention": {"f1": 0.9665, "mean_f1": 0.9644, "per_language": {"de": 0.967, "sw": 0.962},
                      "compression": 5.63, "compression_seen_pieces": 8.14, "speedup_batch_1": 6.51,
                      "speedup_batch_32": 7.29},
        "phases": [phase("1-representation", "representation", 5, 4, 0.004),
                   phase("2.1-logits-head", "logits", 1, 1, 0.55), phase("3-labels", "labels", 12, 9, 0.87)],
        "baseline_phases": [phase("1-labels", "labels", 7, 6, 0.78)],
        "teacher_history": [{"epoch": i, "loss": 1 / i, "val_f1": f1, "seconds": 50.0 * i}
                            for i, f1 in enumerate((0.85, 0.93, 0.91, 0.93), 1)],
        "embedding_energy": 0.934,
        "confusion": {"teacher": COUNTS, "student": COUNTS},
        "disagreements": {"agreement": 0.9, "examples": 40, "differ": 4, "shown": [dict(SENTENCE)]},
        "exports": EXPORTS | {"forms": {name: dict(facts) for name, facts in EXPORTS["forms"].items()}},
        "seconds": {"teacher fine-tuning": 200.0, "1-representation": 60.0, "3-labels": 7400.0, "this run": 9000.0},
        "config": {"task": "data/sample", "dropout": 0.2, "languages": ""},
        "command": "run_xtreme_distil.py --flagfile=flags/sample.cfg",
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0"}} | more


@pytest.fixture(scope="session")
def metrics() -> Callable[..., dict[str, Any]]:
    """Makes the metrics of a run that has everything but text that was compared."""
    return made


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Callable[[dict[str, Any]], Page]:
    """Writes a report and reads it back."""
    path = tmp_path_factory.mktemp("report") / "report.html"

    def report(metrics: dict[str, Any]) -> Page:
        write_report(path, metrics)
        assert [file.name for file in path.parent.iterdir()] == ["report.html"]
        return Page(path)
    return report
