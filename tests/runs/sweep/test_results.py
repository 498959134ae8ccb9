"""Figures, page, picture and flag files of a sweep whose points are known."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from xtremedistil_tf.cli.flags import parse_flags
from xtremedistil_tf.config import DistillationConfig
from xtremedistil_tf.config.sweep import SweepConfig
from xtremedistil_tf.runs.sweep.candidates import candidates
from xtremedistil_tf.runs.sweep.processes import export_words, points_of
from xtremedistil_tf.runs.sweep.results import markdown_table, points_rows, points_table, sweep_report, write_results

FACTS = {"main_score": "f1", "kind": "tagging", "split": "test", "teacher": 0.93, "dev_examples": 40, "seq_len": 24,
         "versions": {}}


def point(name, score, ms, megabytes, quantization="none"):
    return {"name": f"{name}-{quantization}", "student": name, "title": name.upper(), "quantization": quantization,
            "score": score, "test_score": score - 0.01, "ms": ms, "megabytes": megabytes, "parameters": 1_234_567}


POINTS = [point("h8", 0.5, 1.0, 4.0), point("h8", 0.48, 1.1, 1.0, "int8"), point("h16", 0.7, 2.0, 6.0),
          point("h32", 0.69, 3.0, 8.0), point("h64", 0.9, 9.0, 20.0)]


def config(folder="s", **more):
    return SweepConfig(**dict(task="my|task", transfer_file="u & v", sweep_dir=str(folder), seed=7,
                              sweep_lstm_units="8,16,32,64") | more)


def report(folder="s", failed=(), **limits):
    rounds = [{"epochs": 0.33, "dev_scores": {"h8": 0.4, "h16": 0.5}, "go_on": ["h8", "h16"]}]
    over = [{"student": "h128", "quantization": "none", "ms": 99.0, "megabytes": 80.0}]
    return sweep_report(config(folder, **limits), "x --task=t", POINTS, FACTS, rounds, over, dict(failed))


@pytest.mark.parametrize("limits, front", [
    ({}, {"h64-none": 1, "h16-none": 2, "h8-none": 3, "h8-int8": 4}),
    ({"max_latency_ms": 5.0}, {"h16-none": 1, "h8-none": 2}),  # size does not count
    ({"max_megabytes": 7.0}, {"h16-none": 1, "h8-none": 2, "h8-int8": 3}),
])
def test_the_front_is_numbered_from_the_best_score_down(limits, front):
    found = report(**limits)
    assert {p["name"]: p["front"] for p in found["points"] if p["front"]} == front
    assert [p["score"] for p in found["points"]] == [0.9, 0.7, 0.69, 0.5, 0.48]
    assert all(p["within_budget"] or p["front"] is None for p in found["points"])


def test_the_table():
    found = report(max_latency_ms=5.0)
    rows = points_rows(found)
    assert rows[1] == ["", "H64", "tflite", "90.00", "89.00", "9", "20", "1,234,567", "over the budget"]
    assert rows[-1] == ["", "H8", "tflite int8", "48.00", "47.00", "1.1", "1", "1,234,567", ""]
    assert rows[2][0] == "1"
    text = points_table(found)
    assert "the teacher has 93.00" in text and "Budget: at most 5 ms." in text
    assert len({len(row) for row in rows}) == 1 and len(markdown_table(found)) == len(rows) + 1


def test_the_picture_has_every_point_twice_and_numbers_the_front(tmp_path):
    write_results(tmp_path, report(tmp_path, max_latency_ms=5.0), candidates(config(tmp_path)))
    source = (tmp_path / "pareto.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(source)
    name = "{http://www.w3.org/2000/svg}"
    charts = [e for e in root.iter(f"{name}svg") if e.get("role") == "img"]
    assert [e.get("aria-label").split(" against ")[1] for e in charts] == ["latency, ms", "size, MB"]
    for chart in charts:
        dots = list(chart.iter(f"{name}circle"))
        assert len(dots) == len(POINTS)
        assert all(0 <= float(e.get("cx")) <= 320 and 0 <= float(e.get("cy")) <= 180 for e in dots)
        assert [e.text for e in chart.iter(f"{name}text") if e.get("class") == "value"] == ["2", "1"]
    limits = [len([e for e in chart.iter(f"{name}line") if e.get("class") == "limit"]) for chart in charts]
    assert limits == [1, 0]
    assert "prefers-color-scheme: dark" in source and "http" not in source.replace("http://www.w3.org/2000/svg", "")


def test_each_point_of_the_front_has_a_flag_file_that_makes_it(tmp_path):
    students = candidates(config(tmp_path))
    write_results(tmp_path, report(tmp_path, max_megabytes=7.0), students)
    files = sorted((tmp_path / "flagfiles").iterdir())
    assert [file.name for file in files] == ["h16-none.cfg", "h8-int8.cfg", "h8-none.cfg"]
    for file in files:
        student = next(s for s in students if s.name == file.name.split("-")[0])
        words = [f"--flagfile={file}", f"--model_dir={student.config.model_dir}"]
        read = parse_flags(DistillationConfig, ["x", *words], "")
        assert read == student.config
        text = file.read_text()
        assert f"--flagfile={file} --model_dir=out" in text
        assert f"--formats=tflite --quantize={file.stem.split('-')[1]}" in text


def test_files_of_an_earlier_front_do_not_stay(tmp_path):
    students = candidates(config(tmp_path))
    write_results(tmp_path, report(tmp_path), students)
    write_results(tmp_path, report(tmp_path, max_latency_ms=5.0), students)
    assert [file.name for file in sorted((tmp_path / "flagfiles").iterdir())] == ["h16-none.cfg", "h8-none.cfg"]


def test_the_page_tells_all(tmp_path):
    failed = {"H=128, round 1 of 2": "out of memory"}
    write_results(tmp_path, report(tmp_path, failed, max_latency_ms=5.0), candidates(config(tmp_path)))
    page = (tmp_path / "sweep.md").read_text(encoding="utf-8")
    for told in ("| 1 | H16 | tflite | 70.00 |", "(pareto.svg)", "(flagfiles/h16-none.cfg)",
                 "round 1, 33 % of the epochs", "over the budget untrained: h128 in float32 (99 ms, 80 MB)",
                 "out of memory", "    x --task=t"):
        assert told in page, told


def test_points_come_from_the_files_that_were_measured():
    (candidate,) = candidates(config(sweep_lstm_units="8"))
    metrics = {"main_score": "f1", "student": {"f1": 0.6, "parameters": 5}}
    measured = {"bytes": 2_000_000, "latency": {"batch_1": {"median_ms": 1.5}}}
    exports = {"forms": {"keras": {"f1": 0.7, **measured}, "tflite": {"f1": 0.65, **measured},
                         "tflite int8": {"path": "p", "bytes": 5}}}
    found = points_of(candidate, "tflite", ["none", "int8"], metrics, exports)
    assert found == [{"name": "h8-none", "student": "h8", "title": "H=8", "quantization": "none", "score": 0.65,
                      "test_score": 0.6, "ms": 1.5, "megabytes": 2.0, "parameters": 5}]
    assert points_of(candidate, "keras", ["none"], metrics, exports)[0]["score"] == 0.7
    assert export_words("keras", ["none"]) == ["--formats=saved_model", "--quantize=none"]
