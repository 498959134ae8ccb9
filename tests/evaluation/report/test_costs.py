"""Figures in large print, and sections on what models and exported forms cost."""

from __future__ import annotations

from xtremedistil_tf.evaluation.report.costs import exports_rows


def test_headline_figures(metrics, report):
    figures = report(metrics()).figures
    assert {name: value for name, (value, _) in figures.items()} == {
        "Student, entity F1": "88.17", "Retention": "96.7 %", "Compression": "5.6×", "Speed-up": "7.3×",
        "Agreement": "90.0 %"}
    assert "91.23" in figures["Student, entity F1"][1] and "83.17" in figures["Student, entity F1"][1]
    assert "8.1×" in figures["Compression"][1] and "6.5×" in figures["Speed-up"][1]


def test_without_a_teacher_there_is_nothing_to_compare_with(metrics, report):
    alone = metrics(config={"pt_teacher_checkpoint": "unused"})
    for key in ("teacher", "retention", "teacher_history", "disagreements"):
        del alone[key]
    page = report(alone)
    assert page.figures == {"Student, entity F1": ["88.17", ""], "Parameters": ["117.5 M", ""]}
    assert "unused" not in "".join(page.root.find(".//header").itertext())
    assert page.rows("quality")["entity F1"] == ["88.17", "79.01"]


def test_the_teacher_is_named_without_its_folders(metrics, report):
    header = report(metrics(config={"pt_teacher_checkpoint": "/home/me/bert"}, task="/data/ner")).root.find(".//header")
    assert " ".join("".join(header.itertext()).split()) == (
        "Distillation reportner strategy D4.2 · teacher bert · measured on 1,000 sentences of the test set")


def test_size_and_speed_with_bars_relative_to_the_largest(metrics, report):
    small = metrics()
    small["student"]["parameters"] = 23_500_000
    page = report(small)
    found = page.rows("costs")
    assert found["Parameters"] == ["", "117.5 M", "23.5 M", "117.5 M", "5.6×"]
    assert found["Size in float32"] == [""] + ["470.0 MB"] * 3 + [""]
    assert found["Latency, 32 sentences"] == [""] + ["222.0 ms min 209.1"] * 3 + ["7.3×"]
    widths = [b.get("style") for b in page.table("costs").find("tbody")[0].iter("b")]
    assert widths == ["width:100.0%", "width:20.0%", "width:100.0%"]
    assert "the 51,234 that occur" in page.source and "93.4 % of their energy" in page.source


def test_exported_forms(metrics, report):
    page = report(metrics())
    assert page.rows("exports")["tflite int8"] == ["", "2.0", "98.50", "72.00", "-2.00", "0.25", "0.50", "9.00",
                                                   "1,234", "-"]
    assert [b.get("style") for b in page.table("exports").iter("b")] == ["width:100.0%", "width:25.0%"]
    failed = metrics()
    failed["exports"]["forms"]["tflite int8"]["passed"] = False
    page = report(failed)
    assert page.rows("exports")["tflite int8"][-1] == "FAILED" and page.rows("exports")["keras"][-1] == ""


def test_rows_of_exported_forms(metrics):
    exports = metrics()["exports"]
    exports["forms"]["tflite int8"] |= {"peak_memory_mb": 55.5, "passed": False}
    exports["forms"]["serving"] = {"bytes": 8_100_000, "path": "export/serving"}
    header, keras, int8 = exports_rows(exports)  # serving holds the SavedModel's files: no row of its own
    assert keras[:4] == ["keras", "8.0", "-", "72.00"] and keras[-1] == ""
    assert int8 == ["tflite int8", "2.0", "98.50", "72.00", "-2.00", "0.25", "0.50", "9.00", "1,234", "56", "FAILED"]
    assert len(header) == len(int8)
