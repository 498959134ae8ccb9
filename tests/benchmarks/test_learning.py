"""benchmarks/learning.py without its runs: settings that can be meant, and a page of the rows that are there."""

from __future__ import annotations

import pathlib
import re

import pytest

import learning
import paper_setup

ROOT = pathlib.Path(__file__).resolve().parents[2]
MORE = "E=50 H=200 seed 42"


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(paper_setup.Bench, "run", lambda self, values: metrics(self.config(values)))
    return lambda *only: paper_setup.Bench("learning", pathlib.Path("/data"), tmp_path / "shared",
                                           tmp_path / "page.md", "/here/teacher", only=only)


def metrics(config):
    """As of a run of `config.distil_epochs` epochs whose student has 70 % of a teacher of 0.8, and in Tamil 60 %."""
    history = [{"loss": 0.5, "val_loss": 0.4 + 0.1 / epoch} for epoch in range(1, config.distil_epochs + 1)]
    phase = {"name": "1-logits", "stage": "logits", "history": history, "scores": {"f1": 0.55}, "cpu_seconds": 90.0}
    teacher = {"f1": 0.8, "per_language": {"de": {"f1": 0.9}, "ta": {"f1": 0.5}}}
    student = {"f1": 0.56, "per_language": {"de": {"f1": 0.63}, "ta": {"f1": 0.3}}}
    return {"teacher": teacher, "student": student, "retention": {"f1": 0.7}, "phases": [phase], "sentences": 3000,
            "seconds": {}, "config": config.to_json(), "command": "run_xtreme_distil.py", "versions": {"python": "3"}}


def test_every_row_is_a_valid_configuration(bench):
    b = bench()
    configs = {name: b.config(values) for name, values in learning.settings(b).items()}
    assert configs[MORE].max_transfer == 0
    assert configs["text 30,000 of training"].max_transfer == 30000
    assert {configs[name].seed for name in configs if name.endswith("seed 43")} == {43}


def test_rows_of_the_table_of_text_see_about_as_many_examples(bench):
    b = bench()
    found = {name.removeprefix("text "): b.config(values) for name, values in learning.settings(b).items()
             if name.startswith("text ") or name == MORE}
    sentences = {"30,000 of training": 30_000, "60,000 of training": 60_000, MORE: 89_019,
                 "all of training, the rest of dev and test": 148_350}
    assert found.keys() == sentences.keys()
    examples = [c.distil_epochs * (n - min(c.max_holdout, c.holdout_fraction * n))
                for c, n in ((found[name], count) for name, count in sentences.items())]
    assert max(examples) / min(examples) < 1.2


def test_the_page_has_the_sections_that_have_rows(bench):
    b = bench(MORE)
    learning.main(b)
    page = b.out.read_text(encoding="utf-8")
    assert re.findall("^## .*", page, re.MULTILINE) == [
        "## The default recipe", "## How much text", "## By language", "## Commands"]
    assert "| all of training | 6 | 0.4167 | 55.00 | 56.00 | 70.00 | 1.5 |" in page
    assert "| all of training | 70.00 | 60.00 |" in page
    assert ".svg" not in page


def test_the_page_has_a_picture_of_lengths(bench):
    b = bench("default", "default 8", "rate 1e-3")
    learning.main(b)
    page = b.out.read_text(encoding="utf-8")
    assert "](page.svg)" in page
    assert b.drawing.exists()
    assert "## Its parts, 8 epochs" in page
    assert "## How much text" not in page
