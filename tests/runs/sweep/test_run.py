"""The order of things in a sweep, with runs that only pretend to train."""

from __future__ import annotations

import json
import logging

import pytest

from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.errors import ConfigError, XtremeDistilError
from xtremedistil_tf.runs.sweep.candidates import Kept, candidates
from xtremedistil_tf.runs.sweep.processes import FullRun, ShortRun
from xtremedistil_tf.runs.sweep.run import Sweep

# Size -> dev score: 30 and 40 cost more than 20 and are no better.
SCORES = {10: 0.5, 20: 0.8, 30: 0.7, 40: 0.6, 50: 0.9}
FACTS = {"main_score": "f1", "kind": "tagging", "split": "test", "teacher": None, "dev_examples": 4, "seq_len": 24,
         "versions": {}}


def config(folder, **more):
    return SweepConfig(**dict(task="t", transfer_file="u", sweep_dir=str(folder / "s"), distil_epochs=90, ft_epochs=9,
                              sweep_lstm_units=",".join(map(str, SCORES)), sweep_rounds=2, sweep_quantize="none",
                              max_megabytes=45.0) | more)


@pytest.fixture
def started(monkeypatch):
    """(`short` or `full`, size, epochs on the transfer set) of every run that was started."""
    found = []
    # Commands that ran in this process before have switched it off.
    monkeypatch.setattr(logging.getLogger("xtremedistil_tf"), "propagate", True)

    def short(self):
        found.append(("short", self.candidate.config.lstm_units, self.settings.distil_epochs))
        return {"score": SCORES[self.candidate.config.lstm_units], "training_seconds": 1.0}

    def full(self):
        size = self.candidate.config.lstm_units
        found.append(("full", size, self.candidate.config.distil_epochs))
        points = [{"name": f"h{size}-{name}", "student": self.candidate.name, "title": self.candidate.title,
                   "quantization": name, "score": SCORES[size], "test_score": 0.1, "ms": 1.0, "megabytes": float(size),
                   "parameters": size} for name in self.quantizations]
        return {"points": points, "refused": {}, "run": FACTS, "training_seconds": 2.0}

    monkeypatch.setattr(ShortRun, "start", short)
    monkeypatch.setattr(FullRun, "start", full)
    return found


def measure(settings):
    """What the process that measures untrained students leaves behind."""
    kept = Kept(settings)
    for candidate in candidates(settings):
        size = candidate.config.lstm_units
        forms = {name: {"ms": 1.0, "megabytes": float(size)} for name in settings.quantizations()}
        kept.keep_costs(candidate, {"parameters": size, "forms": forms, "refused": {}})


def test_what_is_over_the_budget_is_never_trained_and_what_is_beaten_only_shortly(tmp_path, started, caplog, capsys):
    settings = config(tmp_path)
    measure(settings)
    caplog.set_level("INFO")
    report = Sweep(settings, "x").run()
    assert started == [("short", size, 30) for size in (10, 20, 30, 40)] + [("full", 10, 90), ("full", 20, 90)]
    assert [p["name"] for p in report["points"]] == ["h20-none", "h10-none"]
    assert report["rounds"] == [{"epochs": 0.33, "dev_scores": {"h10": 0.5, "h20": 0.8, "h30": 0.7, "h40": 0.6},
                                 "go_on": ["h10", "h20"]}]
    assert [one["student"] for one in report["over_budget"]] == ["h50"]
    assert json.loads((tmp_path / "s" / "sweep.json").read_text()) == report
    assert "H=50 in float32 is skipped: 50 MB is over `max_megabytes=45`" in caplog.text
    assert "run 1 of 6, H=10, round 1 of 2" in caplog.text
    assert "run 2 of 6, H=20, round 1 of 2, about 1 min left" in caplog.text
    assert "H=20" in capsys.readouterr().out


def test_finished_runs_are_read(tmp_path, started):
    settings = config(tmp_path)
    measure(settings)
    first = Sweep(settings, "x").run()
    started.clear()
    assert Sweep(settings, "x").run() == first and started == []


def test_only_what_a_changed_setting_touches_is_run_again(tmp_path, started):
    measure(config(tmp_path))
    Sweep(config(tmp_path), "x").run()
    started.clear()
    Sweep(config(tmp_path, sweep_rounds=1), "x").run()
    assert started == [("full", 30, 90), ("full", 40, 90)]
    started.clear()
    measure(config(tmp_path, seed=1))
    Sweep(config(tmp_path, seed=1), "x").run()
    assert len(started) == 6


def test_a_run_that_fails_is_told_of_and_tried_again(tmp_path, started, monkeypatch, caplog):
    settings = config(tmp_path)
    measure(settings)
    works = ShortRun.start

    def fails(self):
        if self.candidate.name == "h20":
            raise XtremeDistilError("out of memory (exit status -9; see output.log)")
        return works(self)

    monkeypatch.setattr(ShortRun, "start", fails)
    with pytest.raises(XtremeDistilError, match=r"1 step of the sweep failed.*H=20, round 1 of 2: out of memory"):
        Sweep(settings, "x").run()
    assert [run[1] for run in started if run[0] == "full"] == [10, 30]
    assert "out of memory" in (tmp_path / "s" / "sweep.md").read_text()
    monkeypatch.setattr(ShortRun, "start", works)
    started.clear()
    Sweep(settings, "x").run()
    assert started == [("short", 20, 30), ("full", 20, 90)]


def test_where_everything_fails_nothing_is_written(tmp_path, monkeypatch):
    settings = config(tmp_path, sweep_rounds=1)
    measure(settings)
    monkeypatch.setattr(FullRun, "start", lambda self: (_ for _ in ()).throw(XtremeDistilError("no room")))
    with pytest.raises(XtremeDistilError, match="4 steps of the sweep failed.*no room"):
        Sweep(settings, "x").run()
    assert not (tmp_path / "s" / "sweep.json").exists()


def test_one_student_alone_goes_straight_to_the_end(tmp_path, started):
    settings = config(tmp_path, sweep_lstm_units="10", sweep_rounds=3)
    measure(settings)
    Sweep(settings, "x").run()
    assert started == [("full", 10, 90)]


def test_a_budget_that_nobody_meets_ends_it(tmp_path, started):
    settings = config(tmp_path, max_megabytes=5.0)
    measure(settings)
    with pytest.raises(ConfigError, match="no student meets `max_megabytes=5`. The nearest is H=10 in float32: 10 MB"):
        Sweep(settings, "x").run()
    assert started == []


def test_a_dry_run_starts_nothing(tmp_path, started, capsys):
    settings = config(tmp_path, dry_run=True, sweep_rounds=3)
    measure(settings)
    assert Sweep(settings, "x").run() is None and started == []
    out = capsys.readouterr().out
    assert "H=10: none 1 ms, 10 MB; 10 parameters" in out and "H=50" not in out
    assert "4 runs of at most 10 epochs" in out and "2 runs of at most 30 epochs" in out
    assert "1 run of at most 90 epochs" in out and "7 runs in all" in out


def test_several_machines_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(ConfigError, match="TF_CONFIG"):
        Sweep(config(tmp_path), "x")
