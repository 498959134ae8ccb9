"""The scripts paper_*.py without their runs: settings that can be meant, and pages out of metrics."""

from __future__ import annotations

import importlib
import json
import pathlib
import re
import statistics

import pytest

import paper_figures
import paper_setup
from discussion import discussion_file
from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.errors import ConfigError

ROOT = pathlib.Path(__file__).resolve().parents[2]
TAGGING = ("strategies", "unfreezing", "embeddings", "sizes", "teacher_layer", "few_labels")
SCRIPTS = (*TAGGING, "40_languages", "classification")


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    # As `start` does: flag files name one another from there.
    monkeypatch.chdir(ROOT)


@pytest.fixture
def script():
    return lambda name: importlib.import_module(f"paper_{name}")


@pytest.fixture
def bench(tmp_path):
    def make(name, **more):
        return paper_setup.Bench(f"paper_{name}", pathlib.Path("/data"), tmp_path / "shared", tmp_path / "page.md",
                                 "teacher", **more)
    return make


def configs(bench, settings):
    return {name: bench.config(values) for name, values in settings.items()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_run_is_a_valid_configuration_of_its_own(script, bench, name):
    b = bench(name)
    found = configs(b, script(name).settings(b))
    assert found
    names = {paper_setup.run_name(config) for config in found.values()}
    assert len(names) == len(found)
    for config in found.values():
        assert config.pt_teacher_checkpoint == "teacher"
        assert config.teacher_model_dir.startswith(str(b.shared))
        assert config.transfer_store_dir.startswith(str(b.shared))


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_command_line_says_what_was_checked(script, bench, name):
    b = bench(name)
    values = list(script(name).settings(b).values())[-1]
    words = [f"--flagfile=benchmarks/settings/{b.name}.cfg",
             *(f"--{key}={value}" for key, value in values.items()), "--model_dir=."]
    assert parse_flags(DistillationConfig, [b.name, *words], "") == b.config(values)


def test_all_points_of_the_grid_can_be_asked_for(script, bench):
    sizes = script("sizes")
    b = bench("sizes", only=("E300-H600", "L6-W384 D0S"))
    found = configs(b, sizes.settings(b))
    assert {name: (c.strategy, c.embedding_size, c.lstm_units, c.num_hidden_layers, c.hidden_size)
            for name, c in found.items()} == {"E300-H600": ("D4.2", 300, 600, 0, 0),
                                              "L6-W384 D0S": ("D0S", 384, 200, 6, 384)}


def test_scripts_share_runs_that_are_equal(script, bench):
    runs = {name: {paper_setup.run_name(c) for c in configs(bench(name), script(name).settings(bench(name))).values()}
            for name in ("strategies", "unfreezing", "embeddings", "few_labels")}
    assert runs["unfreezing"] <= runs["strategies"]
    assert len(runs["embeddings"] & runs["strategies"]) == 1
    assert not runs["few_labels"] & runs["strategies"]


def test_one_teacher_for_one_set_of_labels(script, bench):
    teachers = set()
    for name in TAGGING[:-1]:
        for c in configs(bench(name), script(name).settings(bench(name))).values():
            teachers.add((c.task, c.languages, c.max_train_per_language, c.max_dev_per_language, c.teacher_epochs,
                          c.teacher_learning_rate, c.teacher_ft_batch_size, c.patience, c.seq_len, c.seed,
                          c.opt_policy))
    assert len(teachers) == 1


def test_sizes_of_the_transfer_set_have_as_many_updates(bench):
    b = bench("strategies")
    updates = []
    for size in paper_setup.SIZES:
        c = b.config(b.tagging({"strategy": "D4.2"} | b.transfer(size)))
        updates.append(c.distil_epochs * c.max_transfer * (1 - c.holdout_fraction) / c.student_distil_batch_size)
    assert max(updates) / min(updates) < 1.05
    assert updates[0] == pytest.approx(paper_setup.UPDATES, rel=0.05)


def test_scale_reaches_sentences_and_updates(bench):
    whole, half = bench("strategies"), bench("strategies", scale=0.5)
    one, other = (b.config(b.tagging({"strategy": "D4.2"} | b.transfer(3000))) for b in (whole, half))
    for limit in ("max_train_per_language", "max_dev_per_language", "max_test_per_language", "max_transfer"):
        assert getattr(other, limit) * 2 == getattr(one, limit)
    assert other.distil_epochs == one.distil_epochs


def test_only_names_what_there_is(script, bench):
    b = bench("teacher_layer", only=("7", "seven"))
    with pytest.raises(ConfigError, match=r"--only=seven: expected some of 11,9,7"):
        script("teacher_layer").settings(b)


def test_a_finished_run_is_read_and_not_begun(bench):
    b = bench("strategies")
    values = b.tagging({"strategy": "D0S"})
    folder = b.shared / "runs" / paper_setup.run_name(b.config(values))
    folder.mkdir(parents=True)
    (folder / "benchmark_command.json").write_text("[]")
    (folder / "metrics.json").write_text('{"student": 1}')
    assert b.run(values) == {"student": 1}


def metrics(config, score):
    """As of a run whose student's F1 is `score` and whose teacher's is 0.9, in languages around both."""
    languages = config.languages.split(",") if config.languages else sorted(set(paper_figures.LANGUAGES) - {"ca"})

    def model(value):
        around = {name: value + 0.01 * (index % 3 - 1) for index, name in enumerate(languages)}
        return {"f1": value, "accuracy": value, "mean_f1": statistics.fmean(around.values()),
                "std_f1": statistics.pstdev(around.values()), "parameters": 5e6, "parameters_seen_pieces": 2e6,
                "per_language": {name: {"f1": f1} for name, f1 in around.items()}, "per_type": {},
                "latency": {"seq_len": 32, "batch_1": {"median_ms": 1.5}, "batch_32": {"median_ms": 9.0}}}

    kept = {"f1": score / 0.9, "mean_f1": score / 0.9, "accuracy": score / 0.9, "compression": 8.0,
            "per_language": dict.fromkeys(languages, score / 0.9), "speedup_batch_1": 12.0, "speedup_batch_32": 20.0}
    phases = [{"name": name, "scores": {"f1": score}} for name in ("1-representation", *paper_figures.UNFREEZING)]
    return {"teacher": model(0.9), "student": model(score), "direct_baseline": model(score / 2), "retention": kept,
            "phases": phases, "embedding_energy": 0.4, "sentences": 3000, "seconds": {}, "config": config.to_json(),
            "command": f"run_xtreme_distil.py --model_dir=/here/{paper_setup.run_name(config)}",
            "versions": {"python": "3"}}


@pytest.mark.parametrize("name", SCRIPTS)
def test_pages_hold_our_figures_beside_the_papers(script, bench, monkeypatch, name):
    module, b = script(name), bench(name)
    discussion_file(b.out).parent.mkdir()
    discussion_file(b.out).write_text("The order is the same.", encoding="utf-8")
    if name == "40_languages":
        languages = sorted(set(paper_figures.LANGUAGES) - {"ca"})
        monkeypatch.setattr(module, "sources", lambda data: {language: ["ner-gold/x"] for language in languages})
        monkeypatch.setattr(module, "build_languages", lambda *args: None)
    if name == "classification":
        monkeypatch.setattr(module, "build_classes", lambda *args: None)
    scores = iter(range(1000, 9000, 37))
    used = []

    def run(self, values):
        used.append(next(scores) / 1e4)
        return metrics(self.config(values), used[-1])

    monkeypatch.setattr(paper_setup.Bench, "run", run)
    module.main(b)
    page = b.out.read_text(encoding="utf-8")
    assert page.startswith("# ")
    assert "The order is the same." in page.splitlines()
    assert paper_figures.SOURCE in page
    assert "](page.svg)" in page
    assert b.drawing.read_bytes().startswith(b"<?xml")
    for score in used:
        assert f"{100 * score:.2f}" in page
    assert page.count("python run_xtreme_distil.py") == len(used)
    assert len(json.loads(b.out.with_suffix(".json").read_text(encoding="utf-8"))) == len(used)
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert tables
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "/here/" not in page


def test_the_papers_own_means_agree_with_its_languages():
    students, teachers = zip(*paper_figures.LANGUAGES.values())
    assert len(students) == 41
    assert statistics.fmean(students) == pytest.approx(paper_figures.STUDENT[0], abs=0.5)
    assert statistics.fmean(teachers) == pytest.approx(paper_figures.TEACHER[0], abs=0.5)
    assert paper_figures.SIZES[300, 600][0] == paper_figures.TEACHER_LAYERS[7] == paper_figures.STUDENT[0]
