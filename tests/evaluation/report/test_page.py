"""The page as a whole, read back with parsers of XML and HTML, and in a browser where there is one."""

from __future__ import annotations

import base64
import configparser
import copy
import fnmatch
import hashlib
import html.parser
import json
import math
import pathlib
import re
import shutil
import subprocess

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.evaluation.report.page import write_report
from xtremedistil_tf.evaluation.report.rendering import render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = pathlib.Path(__file__).resolve().parents[3]
HOSTILE = ("""<script>alert("x")</script>&amp; '><img src=x onerror=alert(1)> \x00\x1b \udc80 ]]> """
           "-- {{ 7 * 7 }} ü 北京")
SCRIPT = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
ALL = ["quality", "costs", "languages", "types", "confusion", "disagreements", "text", "phases", "curves", "exports",
       "time", "command"]


def words(element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_sections_and_the_links_to_them(metrics, report):
    page = report(metrics(left_out={"training": 1, "transfer": 0}))
    assert list(page.sections) == ALL
    links = {link.get("href"): words(link) for link in page.root.iter("a")}
    assert links == {f"#{anchor}": words(section.find("h2")) for anchor, section in page.sections.items()}
    anchors = [e.get("id") for e in page.root.iter() if e.get("id")]
    assert len(anchors) == len(set(anchors))
    assert all(section.get("aria-labelledby") in anchors for section in page.sections.values())


@pytest.mark.parametrize("value", ["absent", None, {}, [], "x", 3])
def test_metrics_of_older_runs_lack_sections_and_nothing_else(metrics, report, value):
    older = metrics()
    lacking = ("confusion", "disagreements", "exports")
    for key in lacking:
        if value == "absent":
            del older[key]
        else:
            older[key] = value
    assert list(report(older).sections) == [name for name in ALL if name not in (*lacking, "text")]


def test_without_languages_baseline_and_phases(metrics, report):
    less = metrics(phases=[], teacher_history=[], embedding_energy=None)
    for key in ("direct_baseline", "baseline_phases", "confusion", "disagreements", "exports"):
        del less[key]
    for model in ("teacher", "student", "retention"):
        for key in ("mean_f1", "per_language"):
            del less[model][key]
    page = report(less)
    assert list(page.sections) == ["quality", "costs", "types", "time", "command"]
    assert page.rows("quality")["entity F1"] == ["91.23", "88.17", "96.65 %"]
    assert "mean over languages" not in page.rows("quality") and page.charts == {}


def test_nothing_at_all_still_makes_a_page(report):
    page = report({})
    assert [value for value, _ in page.figures.values()] == ["–"] * 4
    assert page.sections == {} and page.root.find(".//h1").text == "–" and page.root.find(".//nav") is None


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, "absent"])
def test_missing_numbers_show_as_a_dash(metrics, report, missing):
    values = metrics()
    for holder, key in ((values["student"], "f1"), (values["retention"], "f1"),
                        (values["retention"], "speedup_batch_32"),
                        (values["student"]["latency"], "batch_1"),
                        (values["student"]["per_language"]["de"], "f1"), (values["seconds"], "3-labels"),
                        (values["phases"][2]["history"][4], "val_loss"),
                        (values["phases"][1], "best_epoch"),
                        (values["phases"][0]["scores"], "f1"), (values["teacher_history"][1], "val_f1")):
        if missing == "absent":
            del holder[key]
        else:
            holder[key] = missing
    page = report(values)
    assert [value for value, _ in page.figures.values()] == ["–", "–", "5.6×", "–", "90.0 %"]
    assert page.rows("languages")["de"][2] == "–"
    assert page.rows("costs")["Latency, 1 sentence"][2] == "– min –"
    points = [circle.get("class") for circle in page.charts["3-labels"].iter("circle")]
    assert points.count("point valid") == 11 and points.count("point train") == 12
    curve = next(p for p in page.charts["3-labels"].iter("path") if p.get("class") == "curve valid")
    assert curve.get("d").count("M") == 2  # the gap is a gap, not a straight line across it
    assert "best epoch –" in words(page.charts["2.1-logits-head"].find("figcaption"))
    assert "best epoch 4 of 4" in words(page.charts["Teacher, loss"].find("figcaption"))
    assert not re.search(r"\b(nan|inf|None)\b", words(page.root.find("body/main")))


def test_read_back_from_json_it_is_the_same_page(metrics, report):
    values = metrics()
    before = copy.deepcopy(values)
    page = report(values)
    assert page.source == report(json.loads(json.dumps(values))).source
    assert values == before


def test_the_page_needs_nothing_else(metrics, report):
    page = report(metrics())
    assert not re.search(r"https?://|url\(|@import|<link", page.source)
    assert not [e for e in page.root.iter() if {"src", "srcset"} & set(e.attrib)]
    assert "prefers-color-scheme: dark" in page.source and 'name="viewport"' in page.source


def test_tables_have_captions_and_scroll_with_the_keyboard(metrics, report):
    root = report(metrics()).root
    assert all(words(table.find("caption")) for table in root.iter("table"))
    frames = [e for e in root.iter("div") if e.get("class") == "scroll"]
    assert frames and all(e.get("tabindex") == "0" and e.get("aria-label") for e in frames)
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in root.iter("svg"))


def test_a_large_run_is_a_small_page(metrics, report):
    long = {key: " ".join(["B-ORGANISATION"] * 60) for key in ("words", "gold", "student")} | {
        "teacher": " ".join(["O"] * 60)}
    row = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "support": 10}
    model = {"per_type": {f"type {i}": row for i in range(200)},
             "per_language": {f"l{i}": row for i in range(100)}}
    history = [{"epoch": e, "loss": 1 / e, "val_loss": 1.0, "seconds": 2.5 * e} for e in range(1, 501)]
    phases = [{"name": f"{i}-labels", "history": history, "best_epoch": 12} for i in range(14)]
    page = report(metrics(teacher=model, student=model, phases=phases, disagreements={"shown": [long] * 20}))
    assert len(page.source.encode()) < 1_000_000


def test_hostile_text_stays_text(metrics, report):
    values = metrics(task=HOSTILE, split=HOSTILE, strategy=HOSTILE, command=HOSTILE, config={HOSTILE: HOSTILE},
                     versions={HOSTILE: HOSTILE}, seconds={HOSTILE: 1.0}, extra={HOSTILE: {"student": 0.5}})
    values["phases"][0] |= {"name": HOSTILE, "stage": HOSTILE, "unfrozen": [HOSTILE]}
    values["phases"][0]["history"][0][HOSTILE] = 1.0
    for model in ("teacher", "student"):
        values[model]["per_type"][HOSTILE] = values[model]["per_language"][HOSTILE] = {"f1": 0.5}
    expected = {e.tag for e in report(metrics()).root.iter()}
    page = report(values)
    assert {e.tag for e in page.root.iter()} == expected
    assert not [a for e in page.root.iter() for a in e.attrib if a.startswith("on")]
    shown = HOSTILE.translate({0: "\ufffd", 0x1b: "\ufffd", 0xdc80: "\ufffd"})
    assert page.root.find(".//h1").text == shown
    assert "".join(page.root.find(".//pre").itertext()) == shown
    assert shown in page.charts
    name = " ".join(shown.split())
    assert name in page.rows("types") and name in page.rows("languages")
    assert f"entity F1, {name}" in page.rows("quality")


def test_a_template_that_names_what_there_is_not_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        render("page.html.jinja")


def test_templates_are_installed_with_the_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    pattern = config["options.package_data"]["*"].strip()
    folder = ROOT / "xtremedistil_tf" / "evaluation" / "report" / "templates"
    files = [file.relative_to(folder.parent).as_posix() for file in folder.rglob("*")]
    assert len(files) >= 6 and all(fnmatch.fnmatch(file, pattern) and file.count("/") == 1 for file in files)


def test_only_the_page_s_own_script_may_run(metrics, report):
    root = report(metrics(command=SCRIPT)).root
    script, = root.iter("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    policy = next(e.get("content") for e in root.iter("meta")
                  if e.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")
def test_in_a_browser_the_script_runs_and_no_other(tmp_path, metrics):
    write_report(tmp_path / "report.html", metrics(task=SCRIPT, command=SCRIPT))
    run = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "report.html").as_uri()],
        capture_output=True, timeout=120)
    shown = run.stdout.decode()
    assert '<button type="button" data-copy="command-line">' in shown  # no longer hidden
    assert '<th scope="col" colspan="1"><button type="button">language</button>' in shown
    assert "<title>XtremeDistil-TF: &lt;/script&gt;" in shown and "<img" not in shown


class Reader(html.parser.HTMLParser):
    """Fails at a tag that closes none; counts tags, and keeps the text beside scripts and styles."""

    def __init__(self, source: str):
        super().__init__()
        self.open, self.count, self.said = [], 0, ""
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.count += 1

    def handle_startendtag(self, tag, attributes):
        # A browser ignores the slash: only void elements, and elements of SVG, may be closed so.
        assert tag in {"meta", "path", "circle", "line"}
        self.count += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data


# What a page cannot show: control characters become a replacement character, and XML ends lines its own way.
characters = st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp"))
printable = st.text(characters, min_size=1, max_size=12)


@given(label=printable, other=printable, word=printable, command=printable, name=printable)
def test_any_text_stays_text(metrics, report, label, other, word, command, name):
    def values(name, command, label, other, sentence):
        made = metrics(command=command, task=name, confusion={"student": {label: {label: 3, label + other: 1}}},
                       disagreements={"shown": [sentence]}, phases=[], teacher_history=[])
        made["exports"]["forms"] = {name: made["exports"]["forms"]["tflite int8"]}
        return made

    sentence = {"language": name, "words": f"{word} b", "gold": f"{label} O", "teacher": f"{label}x O",
                "student": f"{label}y O"}
    page = report(values(name, command, label, other, sentence))
    shown = Reader(page.source)
    assert shown.count == Reader(report(values("n", "c", "l", "o", sentence | {"words": "w b"})).source).count
    assert all(text in shown.said for text in (label + other, word, command, name, f"{label}y"))
    table = page.table("confusion").find("tbody")
    assert [["".join(cell.itertext()) for cell in row] for row in table] == [
        [label, "3", "1"], [label + other, "·", "·"]]


@given(st.text(), st.text())
def test_whatever_text_there_is_the_page_is_well_formed(metrics, report, one, other):
    sentence = {"language": one, "words": one, "gold": other, "teacher": one, "student": other}
    page = report(metrics(
        task=other, command=one, config={one: other}, confusion={"student": {one: {other: 1}}},
        disagreements={"shown": [sentence, {"text": one, "gold": other, "teacher": one, "student": other}]}))
    Reader(page.source)
