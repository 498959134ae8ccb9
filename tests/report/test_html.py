"""The page is read back with the standard library's XML and HTML parsers."""

from __future__ import annotations

import copy
import html.parser
import json
import math
import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xtremedistil_tf.report.html import write_report

HOSTILE = """<script>alert("x")</script>&amp; '><img src=x onerror=alert(1)> \x00\x1b \udc80 ]]> -- ü 北京"""


def scores(f1: float, languages: bool) -> dict:
    row = {"f1": f1, "precision": f1 - 0.01, "recall": f1 + 0.01, "support": 1234}
    result = dict(row, per_type={"LOC": dict(row, support=500), "PER": dict(row, f1=f1 + 0.02, support=734)},
                  parameters=117_500_000, bytes=470_000_000, parameters_seen_pieces=70_000_000,
                  bytes_seen_pieces=280_000_000,
                  latency={"batch_1": {"median_ms": 12.34, "min_ms": 11.06, "runs": 40},
                           "batch_32": {"median_ms": 221.96, "min_ms": 209.14, "runs": 9}, "seq_len": 32})
    if languages:
        result["per_language"] = {"de": dict(row, f1=f1 + 0.005, sentences=600),
                                  "sw": dict(row, f1=f1 - 0.105, sentences=400)}
        result |= {"mean_f1": f1 - 0.05, "std_f1": 0.055}
    return result


def phase(name: str, stage: str, epochs: int, best: int, f1: float) -> dict:
    history = [{"epoch": i, "loss": 2.0 / i, "val_loss": 2.1 / i + 0.01 * i, "learning_rate": 0.001,
                "seconds": 12.0 * i} for i in range(1, epochs + 1)]
    return {"name": name, "stage": stage, "unfrozen": ("head", "projection"), "history": history,
            "best_epoch": best, "seconds": 12.0 * epochs, "scores": {"f1": f1}, "reused": False}


def full() -> dict:
    return {
        "task": "data/sample", "split": "test", "sentences": 1000, "strategy": "D4.2", "seen_pieces": 51234,
        "teacher": scores(0.9123, True), "student": scores(0.8817, True),
        "direct_baseline": scores(0.7901, True),
        "retention": {"f1": 0.9665, "mean_f1": 0.9644, "per_language": {"de": 0.967, "sw": 0.962},
                      "compression": 5.63, "compression_seen_pieces": 8.14, "speedup_batch_1": 6.51,
                      "speedup_batch_32": 7.29},
        "phases": [phase("1-representation", "representation", 5, 4, 0.004),
                   phase("2.1-logits-head", "logits", 1, 1, 0.55), phase("3-labels", "labels", 12, 9, 0.87)],
        "baseline_phases": [phase("1-labels", "labels", 7, 6, 0.78)],
        "teacher_history": [{"epoch": i, "loss": 1 / i, "val_f1": f1, "seconds": 50.0 * i}
                            for i, f1 in enumerate((0.85, 0.93, 0.91, 0.93), 1)],
        "embedding_energy": 0.934,
        "seconds": {"teacher fine-tuning": 200.0, "1-representation": 60.0, "3-labels": 7400.0,
                    "this run": 9000.0},
        "config": {"task": "data/sample", "dropout": 0.2, "languages": ""},
        "command": "run_xtreme_distil.py --flagfile=flags/sample.cfg",
        "versions": {"python": "3.11.7", "tensorflow": "2.21.0"}}


def page(tmp_path, metrics) -> ElementTree.Element:
    """The body of the written page, read as XML: that it is well-formed is checked by reading it."""
    path = tmp_path / "report.html"
    write_report(path, metrics)
    return ElementTree.fromstring(path.read_bytes())


def words(element: ElementTree.Element) -> str:
    return re.sub(r"\s+", " ", "".join(element.itertext())).strip()


def section(root: ElementTree.Element, title: str) -> ElementTree.Element:
    return next(s for s in root.iter("section") if s.find("h2") is not None and s.find("h2").text == title)


def titles(root: ElementTree.Element) -> list[str]:
    return [words(h) for h in root.iter("h2")]


def rows(table: ElementTree.Element) -> dict[str, list[str]]:
    return {words(row[0]): [words(cell) for cell in row[1:]] for row in table.find("tbody")}


def charts(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {f.get("data-chart"): f for f in root.iter("figure") if f.get("data-chart")}


def points(figure: ElementTree.Element, css: str) -> list[ElementTree.Element]:
    return [c for c in figure.iter("circle") if c.get("class") == f"point {css}"]


def test_headline_figures(tmp_path):
    figures = {words(d.find("dt")): [words(dd) for dd in d.findall("dd")]
               for d in page(tmp_path, full()).find(".//dl").findall("div")}
    assert {name: value for name, (value, _) in figures.items()} == {
        "Student, entity F1": "88.17", "Retention": "96.7 %", "Compression": "5.6×", "Speed-up": "7.3×"}
    assert "91.23" in figures["Student, entity F1"][1] and "83.17" in figures["Student, entity F1"][1]
    assert "8.1×" in figures["Compression"][1] and "6.5×" in figures["Speed-up"][1]


def test_comparison_of_the_models(tmp_path):
    table = section(page(tmp_path, full()), "Teacher and student").find(".//table")
    heads = [words(cell) for cell in table.find("thead")[0]]
    assert heads == ["score", "teacher", "student", "labels alone", "vs teacher"]
    found = rows(table)
    assert found["entity F1"] == ["91.23", "88.17", "79.01", "96.65 %"]
    assert found["mean over languages"] == ["86.23 ± 5.50", "83.17 ± 5.50", "74.01 ± 5.50", "96.44 %"]


def test_size_and_speed_with_bars_relative_to_the_largest(tmp_path):
    metrics = full()
    metrics["student"]["parameters"] = 23_500_000
    table = section(page(tmp_path, metrics), "Size and speed").find(".//table")
    found = rows(table)
    assert found["Parameters"] == ["", "117.5 M", "23.5 M", "117.5 M", "5.6×"]
    assert found["Size in float32"] == [""] + ["470.0 MB"] * 3 + [""]
    assert found["Latency, 32 sentences"] == [""] + ["222.0 ms min 209.1"] * 3 + ["7.3×"]
    widths = [b.get("style") for b in table.find("tbody")[0].iter("b")]
    assert widths == ["width:100.0%", "width:20.0%", "width:100.0%"]


def test_further_dev_sets_and_phases_that_changed_nothing(tmp_path):
    metrics = full() | {"extra": {"mismatched <dev>": {"teacher": 0.81, "student": 0.7925}}}
    metrics["phases"][1]["best_epoch"] = 0
    root = page(tmp_path, metrics)
    found = rows(section(root, "Teacher and student").find(".//table"))
    assert found["entity F1, mismatched <dev>"][:3] == ["81.00", "79.25", "–"]
    assert "no epoch was better than its start" in words(charts(root)["2.1-logits-head"])


def test_languages_have_a_bar_per_model_as_long_as_the_score(tmp_path):
    table = section(page(tmp_path, full()), "Languages").find(".//table")
    assert rows(table)["sw"] == ["", "80.7", "77.7", "68.5", "96.2 %", "400"]
    bars = [(b.get("class"), b.get("style")) for b in table.find("tbody")[1].iter("b")]
    assert bars == [("teacher", "width:80.7%"), ("student", "width:77.7%"), ("baseline", "width:68.5%")]


def test_entity_types(tmp_path):
    table = section(page(tmp_path, full()), "Entity types").find(".//table")
    assert rows(table)["PER"] == ["", "734", "93.2", "90.2", "92.2", "90.2", "87.2", "89.2", "81.0", "78.0",
                                  "80.0"]
    widths = [b.get("style") for b in table.find("tbody")[1].iter("b")]
    assert widths == ["width:93.2%", "width:90.2%", "width:81.0%"]
    assert sum(int(cell.get("colspan")) for cell in table.find("thead")[0]) == len(table.find("thead")[1])


def test_every_phase_has_its_curves(tmp_path):
    metrics = full()
    found = charts(page(tmp_path, metrics))
    for record in metrics["phases"] + metrics["baseline_phases"]:
        figure = found[record["name"]]
        for css in ("train", "valid"):
            assert len(points(figure, css)) == len(record["history"])
        caption = words(figure.find("figcaption"))
        assert "head, projection" in caption
        assert f"best epoch {record['best_epoch']} of {len(record['history'])}" in caption
        assert f"dev entity F1 {100 * record['scores']['f1']:.2f}" in caption
        assert len(figure.find(".//details//tbody")) == len(record["history"])


def test_the_best_epoch_is_ringed_on_the_held_out_curve(tmp_path):
    figure = charts(page(tmp_path, full()))["3-labels"]
    ring = next(c for c in figure.iter("circle") if c.get("class") == "ring")
    best = points(figure, "valid")[9 - 1]
    assert (ring.get("cx"), ring.get("cy")) == (best.get("cx"), best.get("cy"))


def test_curves_lie_inside_the_chart_and_keep_the_order_of_the_values(tmp_path):
    metrics = full()
    figure = charts(page(tmp_path, metrics))["3-labels"]
    width, height = map(float, figure.find("svg").get("viewBox").split()[2:])
    drawn = points(figure, "train") + points(figure, "valid")
    history = metrics["phases"][2]["history"]
    values = [r["loss"] for r in history] + [r["val_loss"] for r in history]
    levels = [float(c.get("cy")) for c in drawn]
    assert all(0 < float(c.get("cx")) < width and 0 < float(c.get("cy")) < height for c in drawn)
    # Levels are linear in the values: the line through the two outermost explains all others.
    low, high = values.index(min(values)), values.index(max(values))
    slope = (levels[high] - levels[low]) / (values[high] - values[low])
    assert slope < 0
    for value, level in zip(values, levels):
        assert level == pytest.approx(levels[low] + slope * (value - values[low]), abs=0.15)


def test_teacher_curves_mark_the_first_of_equal_best_epochs(tmp_path):
    found = charts(page(tmp_path, full()))
    assert len(points(found["Teacher, loss"], "train")) == len(points(found["Teacher, dev entity F1"], "valid")) == 4
    assert "best epoch 2 of 4" in words(found["Teacher, loss"].find("figcaption"))
    assert "best dev entity F1 93.00" in words(found["Teacher, dev entity F1"].find("figcaption"))


def test_steps_show_the_score_after_each_phase_beside_teacher_and_baseline(tmp_path):
    figure = section(page(tmp_path, full()), "Dev entity F1 after each phase").find("figure")
    texts = {css: [t.text for t in figure.iter("text") if t.get("class") == css]
             for css in ("value", "label")}
    assert texts["value"] == ["0.4", "55.0", "87.0"]
    assert {"1", "2.1", "3"} <= set(texts["label"])
    assert len(points(figure, "student")) == 3
    assert words(figure.find("figcaption")) == "studentteacher 93.0labels alone 78.0"
    assert len([line for line in figure.iter("line") if "reference" in line.get("class")]) == 2


def test_each_step_begins_where_the_one_before_it_ends(tmp_path):
    metrics = full()
    metrics["seconds"] = {"teacher fine-tuning": 200.0, "3-labels": 7400.0, "evaluation": 100.0,
                          "transfer store": 300.0, "this run": 9000.0}
    part = section(page(tmp_path, metrics), "Time")
    found = rows(part.find(".//table"))
    assert {name: cells[-1] for name, cells in found.items()} == {
        "teacher fine-tuning": "3 min 20 s", "transfer store": "5 min 0 s", "3-labels": "2 h 3 min",
        "labels alone: 1-labels": "1 min 24 s", "evaluation": "1 min 40 s"}
    assert list(found)[1] == "transfer store" and list(found)[-1] == "evaluation"
    styles = [dict(rule.split(":") for rule in b.get("style").split(";")) for b in part.iter("b")]
    widths = [float(style["width"].rstrip("%")) for style in styles]
    assert widths == [pytest.approx(100 * seconds / 8084, abs=0.06) for seconds in (200, 300, 7400, 84, 100)]
    starts = [float(style.get("margin-left", "0").rstrip("%")) for style in styles]
    assert starts == [pytest.approx(sum(widths[:i]), abs=0.3) for i in range(len(widths))]
    assert "2 h 30 min" in words(part)


def test_a_run_that_lists_the_steps_of_the_baseline_does_not_list_them_twice(tmp_path):
    metrics = full()
    metrics["seconds"] |= {"labels alone: 1-labels": 90.0}
    metrics["cpu_seconds"] = {"labels alone: 1-labels": 170.0}
    found = rows(section(page(tmp_path, metrics), "Time").find(".//table"))
    assert found["labels alone: 1-labels"] == ["", "1 min 30 s", "2 min 50 s"]
    assert sum("labels alone" in name for name in found) == 1 and found["3-labels"][-1] == "–"


def test_configuration_is_collapsed_and_the_command_is_there(tmp_path):
    root = page(tmp_path, full())
    details = {d.get("id"): d for d in root.iter("details") if d.get("id")}
    assert all(d.get("open") is None for d in root.iter("details"))
    config = rows(details["config"].find(".//table"))
    assert config == {"task": ["data/sample"], "dropout": ["0.2"], "languages": [""]}
    assert rows(details["versions"].find(".//table"))["tensorflow"] == ["2.21.0"]
    assert words(root.find(".//pre")) == full()["command"]


def test_the_page_needs_nothing_else(tmp_path):
    root = page(tmp_path, full())
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|url\(|@import|<link", source)
    assert not [e for e in root.iter() if {"src", "srcset"} & set(e.attrib)]
    anchors = {e.get("id") for e in root.iter() if e.get("id")}
    links = [e.get("href") for e in root.iter() if e.get("href")]
    assert len(links) == len(titles(root)) and all(link[0] == "#" and link[1:] in anchors for link in links)
    assert "prefers-color-scheme: dark" in source
    assert 'name="viewport"' in source
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_html_parsers_see_balanced_tags(tmp_path):
    page(tmp_path, full())
    open_tags: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

        def handle_startendtag(self, tag, attrs):
            # A browser ignores the slash: only void elements, and elements of SVG, may be closed so.
            assert tag in {"meta", "path", "circle", "line"}

    reader = Reader()
    reader.feed((tmp_path / "report.html").read_text(encoding="utf-8"))
    reader.close()
    assert open_tags == []


def test_hostile_text_stays_text(tmp_path):
    metrics = full()
    metrics |= {"task": HOSTILE, "split": HOSTILE, "strategy": HOSTILE, "command": HOSTILE,
                "config": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "seconds": {HOSTILE: 1.0}}
    metrics["phases"][0] |= {"name": HOSTILE, "stage": HOSTILE, "unfrozen": [HOSTILE]}
    metrics["phases"][0]["history"][0][HOSTILE] = 1.0
    for model in ("teacher", "student"):
        metrics[model]["per_type"][HOSTILE] = metrics[model]["per_language"][HOSTILE] = {"f1": 0.5}
    expected = {e.tag for e in page(tmp_path, full()).iter()}
    root = page(tmp_path, metrics)
    assert {e.tag for e in root.iter()} == expected
    assert not [a for e in root.iter() for a in e.attrib if a.startswith("on")]
    shown = HOSTILE.translate({0: "\ufffd", 0x1b: "\ufffd", 0xdc80: "\ufffd"})
    assert root.find(".//h1").text == shown
    assert "".join(root.find(".//pre").itertext()) == shown
    assert shown in charts(root)


@example(task="", loss=0.0, other=5e-324)
@example(task="", loss=-1.0, other=-1.0)
@given(task=st.text(), loss=st.floats(-1e30, 1e30), other=st.floats(-1e30, 1e30))
def test_any_text_and_any_losses_make_a_readable_page(tmp_path_factory, task, loss, other):
    metrics = full() | {"task": task}
    metrics["phases"][0]["history"] = [{"epoch": 1, "loss": loss},
                                       {"epoch": 2, "loss": other, "val_loss": loss}]
    figure = charts(page(tmp_path_factory.mktemp("report"), metrics))["1-representation"]
    height = float(figure.find("svg").get("viewBox").split()[3])
    levels = [float(c.get("cy")) for c in points(figure, "train") + points(figure, "valid")]
    assert len(levels) == 3 and all(0 <= level <= height for level in levels)


def test_without_languages_baseline_and_phases(tmp_path):
    metrics = full()
    for key in ("direct_baseline", "baseline_phases"):
        del metrics[key]
    for model in ("teacher", "student"):
        metrics[model] = scores(0.9, languages=False)
    for key in ("mean_f1", "per_language"):
        del metrics["retention"][key]
    metrics |= {"phases": [], "teacher_history": [], "embedding_energy": None}
    root = page(tmp_path, metrics)
    assert titles(root) == ["Teacher and student", "Size and speed", "Entity types", "Time", "Command"]
    found = rows(section(root, "Teacher and student").find(".//table"))
    assert found["entity F1"] == ["90.00", "90.00", "96.65 %"]
    assert "mean over languages" not in found
    assert charts(root) == {}


def test_without_a_teacher_there_is_nothing_to_compare_with(tmp_path):
    metrics = full() | {"config": {"pt_teacher_checkpoint": "unused"}}
    for key in ("teacher", "retention", "teacher_history"):
        del metrics[key]
    root = page(tmp_path, metrics)
    assert [words(v) for v in root.iter("dd") if v.get("class") == "value"] == ["88.17", "117.5 M"]
    assert "unused" not in words(root.find(".//header"))
    found = rows(section(root, "Teacher and student").find(".//table"))
    assert found["entity F1"] == ["88.17", "79.01", "–"]


def test_nothing_at_all_still_makes_a_page(tmp_path):
    root = page(tmp_path, {})
    assert [words(v) for v in root.iter("dd") if v.get("class") == "value"] == ["–"] * 4
    assert titles(root) == []


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, "absent"])
def test_missing_numbers_show_as_a_dash(tmp_path, missing):
    metrics = full()
    for holder, key in ((metrics["student"], "f1"), (metrics["retention"], "f1"),
                        (metrics["retention"], "speedup_batch_32"),
                        (metrics["student"]["latency"], "batch_1"),
                        (metrics["student"]["per_language"]["de"], "f1"), (metrics["seconds"], "3-labels"),
                        (metrics["phases"][2]["history"][4], "val_loss"),
                        (metrics["phases"][1], "best_epoch"),
                        (metrics["phases"][0]["scores"], "f1"), (metrics["teacher_history"][1], "val_f1")):
        if missing == "absent":
            del holder[key]
        else:
            holder[key] = missing
    root = page(tmp_path, metrics)
    assert [words(v) for v in root.iter("dd") if v.get("class") == "value"] == ["–", "–", "5.6×", "–"]
    assert rows(section(root, "Languages").find(".//table"))["de"][2] == "–"
    assert rows(section(root, "Size and speed").find(".//table"))["Latency, 1 sentence"][2] == "– min –"
    found = charts(root)
    assert len(points(found["3-labels"], "valid")) == 11 and len(points(found["3-labels"], "train")) == 12
    curve = next(p for p in found["3-labels"].iter("path") if p.get("class") == "curve valid")
    assert curve.get("d").count("M") == 2  # the gap is a gap, not a straight line across it
    assert "best epoch –" in words(found["2.1-logits-head"].find("figcaption"))
    assert "best epoch 4 of 4" in words(found["Teacher, loss"].find("figcaption"))
    assert not re.search(r"\b(nan|inf|None)\b", words(root.find("body")))


@pytest.mark.parametrize("history", [None, [], [{}], [{"loss": 1.0}, {"loss": 0.5}],
                                     [{"epoch": 2, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]])
def test_odd_histories_do_not_break_the_page(tmp_path, history):
    metrics = full()
    metrics["phases"][0]["history"] = history
    figure = charts(page(tmp_path, metrics))["1-representation"]
    drawn = points(figure, "train")
    assert len(drawn) == sum("loss" in record for record in history or [])
    assert len({c.get("cx") for c in drawn}) == len(drawn)


def test_read_back_from_json_it_is_the_same_page(tmp_path):
    metrics = full()
    before = copy.deepcopy(metrics)
    write_report(tmp_path / "a.html", metrics)
    write_report(tmp_path / "b.html", json.loads(json.dumps(metrics)))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert metrics == before
