"""Sections on training: text, curves, time and settings."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xtremedistil_tf.transfer.text import Comparison, TextProfile

DEV = TextProfile(100, 8.0, (3.0, 6.0, 15.0), 0.43, 0.0, 0.05, 0.49)


def words(element) -> str:
    return " ".join("".join(element.itertext()).split())


def points(figure, css: str) -> list:
    return [c for c in figure.iter("circle") if c.get("class") == f"point {css}"]


def test_every_phase_has_its_curves(metrics, report):
    values = metrics()
    found = report(values).charts
    for record in values["phases"] + values["baseline_phases"]:
        figure = found[record["name"]]
        for css in ("train", "valid"):
            assert len(points(figure, css)) == len(record["history"])
        caption = words(figure.find("figcaption"))
        assert "head, projection" in caption
        assert f"best epoch {record['best_epoch']} of {len(record['history'])}" in caption
        assert f"dev entity F1 {100 * record['scores']['f1']:.2f}" in caption
        assert len(figure.find(".//details//tbody")) == len(record["history"])
        assert [cell.text for cell in figure.find(".//thead")[0]] == [
            "epoch", "loss", "val loss", "learning rate", "seconds"]


def test_a_phase_that_changed_nothing(metrics, report):
    values = metrics()
    values["phases"][1]["best_epoch"] = 0
    caption = words(report(values).charts["2.1-logits-head"].find("figcaption"))
    assert "no epoch was better than its start" in caption


def test_the_best_epoch_is_ringed_on_the_held_out_curve(metrics, report):
    figure = report(metrics()).charts["3-labels"]
    ring = next(c for c in figure.iter("circle") if c.get("class") == "ring")
    best = points(figure, "valid")[9 - 1]
    assert (ring.get("cx"), ring.get("cy")) == (best.get("cx"), best.get("cy"))


def test_curves_lie_inside_the_chart_and_keep_the_order_of_the_values(metrics, report):
    record = metrics()["phases"][2]
    figure = report(metrics()).charts["3-labels"]
    width, height = map(float, figure.find("svg").get("viewBox").split()[2:])
    drawn = points(figure, "train") + points(figure, "valid")
    values = [r["loss"] for r in record["history"]] + [r["val_loss"] for r in record["history"]]
    levels = [float(c.get("cy")) for c in drawn]
    assert all(0 < float(c.get("cx")) < width and 0 < float(c.get("cy")) < height for c in drawn)
    # Levels are linear in the values: the line through the two outermost explains all others.
    low, high = values.index(min(values)), values.index(max(values))
    slope = (levels[high] - levels[low]) / (values[high] - values[low])
    assert slope < 0
    for value, level in zip(values, levels):
        assert level == pytest.approx(levels[low] + slope * (value - values[low]), abs=0.15)


@example(loss=0.0, other=5e-324)
@example(loss=-1.0, other=-1.0)
@given(loss=st.floats(-1e30, 1e30), other=st.floats(-1e30, 1e30))
def test_any_losses_are_drawn_inside_the_chart(metrics, report, loss, other):
    values = metrics()
    values["phases"][0]["history"] = [{"epoch": 1, "loss": loss}, {"epoch": 2, "loss": other, "val_loss": loss}]
    figure = report(values).charts["1-representation"]
    height = float(figure.find("svg").get("viewBox").split()[3])
    levels = [float(c.get("cy")) for c in points(figure, "train") + points(figure, "valid")]
    assert len(levels) == 3 and all(0 <= level <= height for level in levels)


def test_teacher_curves_mark_the_first_of_equal_best_epochs(metrics, report):
    found = report(metrics()).charts
    assert len(points(found["Teacher, loss"], "train")) == len(points(found["Teacher, dev entity F1"], "valid")) == 4
    assert "best epoch 2 of 4" in words(found["Teacher, loss"].find("figcaption"))
    assert "best dev entity F1 93.00" in words(found["Teacher, dev entity F1"].find("figcaption"))


@pytest.mark.parametrize("history", [None, [], [{}], [{"loss": 1.0}, {"loss": 0.5}],
                                     [{"epoch": 2, "loss": 1.0}, {"epoch": 2, "loss": 0.5}]])
def test_odd_histories_do_not_break_the_page(metrics, report, history):
    values = metrics()
    values["phases"][0]["history"] = history
    drawn = points(report(values).charts["1-representation"], "train")
    assert len(drawn) == sum("loss" in record for record in history or [])
    assert len({c.get("cx") for c in drawn}) == len(drawn)


def test_of_a_long_phase_not_every_epoch_is_drawn(metrics, report):
    history = [{"epoch": e, "loss": 1 / e, "val_loss": 1.0, "seconds": 2.5 * e} for e in range(1, 501)]
    figure = report(metrics(phases=[{"name": "1", "history": history, "best_epoch": 12}])).charts["1"]
    epochs = [int(re.match(r"epoch (\d+)", circle.find("title").text).group(1)) for circle in points(figure, "train")]
    assert len(epochs) <= 82 and {1, 12, 500} <= set(epochs)  # the first, the best and the last among them
    assert max(b - a for a, b in itertools.pairwise(epochs)) <= 7
    caption = words(figure.find("figcaption"))
    assert "best epoch 12 of 500" in caption and "one epoch in 7" in caption


def test_scores_after_the_phases_beside_teacher_and_baseline(metrics, report):
    section = report(metrics()).sections["phases"]
    figure = section.find("figure")
    texts = {css: [t.text for t in figure.iter("text") if t.get("class") == css] for css in ("value", "label")}
    assert section.find("h2").text == "Dev entity F1 after each phase"
    assert texts["value"] == ["0.4", "55.0", "87.0"]
    assert {"1", "2.1", "3"} <= set(texts["label"])
    assert len(points(figure, "student")) == 3
    assert words(figure.find("figcaption")) == "studentteacher 93.0labels alone 78.0"
    assert len([line for line in figure.iter("line") if "reference" in line.get("class")]) == 2
    assert "untrained head" in words(section)
    assert "untrained head" not in words(report(metrics(phases=metrics()["phases"][1:])).sections["phases"])


def test_each_step_begins_where_the_one_before_it_ends(metrics, report):
    page = report(metrics(seconds={"teacher fine-tuning": 200.0, "3-labels": 7400.0, "evaluation": 100.0,
                                   "transfer store": 300.0, "this run": 9000.0}))
    found = page.rows("time")
    assert {name: cells[-1] for name, cells in found.items()} == {
        "teacher fine-tuning": "3 min 20 s", "transfer store": "5 min 0 s", "3-labels": "2 h 3 min",
        "labels alone: 1-labels": "1 min 24 s", "evaluation": "1 min 40 s"}
    assert list(found)[1] == "transfer store" and list(found)[-1] == "evaluation"
    styles = [dict(rule.split(":") for rule in b.get("style").split(";")) for b in page.sections["time"].iter("b")]
    widths = [float(style["width"].rstrip("%")) for style in styles]
    assert widths == [pytest.approx(100 * seconds / 8084, abs=0.06) for seconds in (200, 300, 7400, 84, 100)]
    starts = [float(style.get("margin-left", "0").rstrip("%")) for style in styles]
    assert starts == [pytest.approx(sum(widths[:i]), abs=0.3) for i in range(len(widths))]
    assert "2 h 30 min" in words(page.sections["time"])


def test_a_run_that_lists_the_steps_of_the_baseline_does_not_list_them_twice(metrics, report):
    values = metrics(cpu_seconds={"labels alone: 1-labels": 170.0})
    values["seconds"] |= {"labels alone: 1-labels": 90.0}
    found = report(values).rows("time")
    assert found["labels alone: 1-labels"] == ["", "1 min 30 s", "2 min 50 s"]
    assert sum("labels alone" in name for name in found) == 1 and found["3-labels"][-1] == "–"


def test_configuration_is_collapsed_and_the_command_is_there(metrics, report):
    odd = {"languages": ["de", "sw"], "seed": None, "rates": {"a": 1}, "none": []}
    page = report(metrics(config=metrics()["config"] | odd))
    details = {d.get("id"): d for d in page.root.iter("details") if d.get("id")}
    assert all(d.get("open") is None for d in page.root.iter("details"))
    shown = {key: [[words(cell) for cell in row] for row in details[key].find(".//tbody")] for key in details}
    assert shown["config"] == [["task", "data/sample"], ["dropout", "0.2"], ["languages", "['de', 'sw']"],
                               ["seed", "–"], ["rates", "{'a': 1}"], ["none", "[]"]]
    assert ["tensorflow", "2.21.0"] in shown["versions"]
    assert "".join(page.root.find(".//pre").itertext()) == metrics()["command"]


def compared(**changes):
    comparison = Comparison(dataclasses.replace(DEV, **changes), DEV, ("<tl>",) if changes else ())
    return json.loads(json.dumps(comparison.to_json()))


def test_texts_that_differ_are_warned_of(metrics, report):
    page = report(metrics(transfer_text=compared(words=23.1, entity_words=0.1),
                          left_out={"training": 1234, "transfer": 0}))
    assert page.rows("text")["words a sentence"] == ["23.1", "8.0"]
    assert page.rows("text")["10% / 50% / 90% have at most"] == ["3 / 6 / 15", "3 / 6 / 15"]
    shown = words(page.sections["text"])
    for text in ("The transfer text is unlike the dev text: words a sentence 23.1, dev 8.0.",
                 "No transfer text in <tl>, which dev has.",
                 "entity words by the teacher 10.0 %, dev 49.0 %.", "--transfer_like=task", "1,234 training and 0"):
        assert text in shown
    alike = words(report(metrics(transfer_text=compared())).sections["text"])
    assert "unlike" not in alike and "--transfer_like" not in alike


def test_what_a_trimmed_vocabulary_lacks(metrics, report):
    trimmed = {"seen": 5, "further": 1500, "dev_lacking": 0.0123, "dev_lacking_without_further": 0.1}
    shown = words(report(metrics(trimmed=trimmed)).sections["text"])
    assert "keeps 1,500 subwords" in shown and "lacks 1.23 % of the subwords of dev text, 10.00 % without" in shown


@pytest.mark.parametrize("text", [
    {}, {"left_out": {"training": 0, "transfer": 0}}, {"transfer_text": {"transfer": {}, "dev": 3}},
    {"transfer_text": compared() | {"dev": {"words": 1}}}, {"left_out": "all", "trimmed": None}])
def test_nothing_to_say_of_the_text(metrics, report, text):
    assert "text" not in report(metrics(**text)).sections
