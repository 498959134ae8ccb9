"""Confusion, disagreements, exported forms and the page's script, read back with parsers of XML and HTML."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import itertools
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.report.html import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
COUNTS = {"O": {"O": 1200, "B-X": 30}, "B-X": {"O": 5, "B-X": 15}}
SENTENCE = {"language": "ar", "words": "ولد في القاهرة",
            "gold": "O O B-X", "teacher": "O O B-X", "student": "O B-X O"}
FORM = {"f1": 0.72, "bytes": 2_000_000, "agreement": 0.985, "difference": -0.02,
        "latency": {"batch_1": {"median_ms": 0.5}, "batch_32": {"median_ms": 9.0}},
        "examples_per_second": 1234.5}


def metrics(**more) -> dict:
    model = {"f1": 0.5, "per_language": {"de": {"f1": 0.5}}, "per_type": {"X": {"f1": 0.5}}}
    phase = {"name": "1-labels", "history": [{"epoch": 1, "loss": 1.0}], "scores": {"f1": 0.4}}
    return {"task": "t", "kind": "tagging", "main_score": "f1", "teacher": model, "student": model,
            "phases": [phase], "seconds": {"1-labels": 2.0}, "command": "run --x=1",
            "confusion": {"teacher": COUNTS, "student": COUNTS},
            "disagreements": {"agreement": 0.9, "examples": 40, "differ": 4, "shown": [SENTENCE]},
            "exports": {"main_score": "f1", "kind": "tagging", "examples": 500, "threads": 1, "seq_len": 32,
                        "forms": {"keras": {"f1": 0.72, "bytes": 8_000_000}, "tflite int8": FORM}}} | more


def written(folder, values) -> str:
    write_report(folder / "report.html", values)
    return (folder / "report.html").read_text(encoding="utf-8")


def part(source: str, anchor: str) -> ElementTree.Element:
    root = ElementTree.fromstring(source)
    return next(e for e in root.iter("section") if e.get("id") == anchor)


def cells(table: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in table.find("tbody")]


def anchors(source: str) -> list[str]:
    return [e.get("id") for e in ElementTree.fromstring(source).iter("section")]


def test_full_metrics_have_all_sections(tmp_path):
    assert anchors(written(tmp_path, metrics())) == [
        "quality", "costs", "languages", "types", "confusion", "disagreements", "phases", "curves", "exports",
        "time", "command"]


@pytest.mark.parametrize("value", ["absent", None, {}, [], "x", 3])
def test_metrics_of_older_runs_lack_sections_and_nothing_else(tmp_path, value):
    older = metrics()
    for key in ("confusion", "disagreements", "exports"):
        if value == "absent":
            del older[key]
        else:
            older[key] = value
    assert anchors(written(tmp_path, older)) == [
        "quality", "costs", "languages", "types", "phases", "curves", "time", "command"]


def test_confusion_shades_by_the_share_of_the_gold_label(tmp_path):
    student, teacher = part(written(tmp_path, metrics()), "confusion").iter("table")
    assert "".join(student.find("caption").itertext()).startswith("Student")
    assert "".join(teacher.find("caption").itertext()).startswith("Teacher")
    assert cells(student) == [["O", "1,200", "30"], ["B-X", "5", "15"]]
    shades = [cell.get("style") for cell in student.find("tbody")[1].iter("td")]
    assert shades == ["--share:0.250", "--share:0.750"]
    right = [[cell.get("class") for cell in row.iter("td")] for row in student.find("tbody")]
    assert right == [["cell right", "cell"], ["cell", "cell right"]]


def test_of_many_labels_the_most_frequent_mistakes_are_listed(tmp_path):
    labels = [f"intent {i}" for i in range(40)]
    counts = {gold: {gold: 50, labels[i - 1]: i} for i, gold in enumerate(labels)}
    table, = part(written(tmp_path, metrics(kind="classification", confusion={"student": counts})),
                  "confusion").iter("table")
    found = cells(table)
    assert len(found) == 30 and found[0] == ["intent 39 → intent 38", "39", f"{100 * 39 / 89:.1f}"]


def test_disagreements_mark_the_words_that_differ_and_the_right_answers(tmp_path):
    card = part(written(tmp_path, metrics()), "disagreements").find(".//li")
    text = next(p for p in card.iter("p") if p.get("class") == "text")
    assert text.get("dir") == "auto" and text.get("lang") == "ar"
    assert "".join(text.itertext()) == SENTENCE["words"]
    assert [mark.text for mark in text.iter("mark")] == ["في", "القاهرة"]
    assert cells(card.find(".//table")) == [["في", "O", "O ✓", "B-X"], ["القاهرة", "B-X", "B-X ✓", "O"]]


def test_disagreements_on_texts_numbers_and_questions(tmp_path):
    shown = [{"text": "a", "pair": "b", "gold": "yes", "teacher": "no", "student": "yes"},
             {"text": "c", "gold": 2.5, "teacher": 2.5, "student": 1.0},
             {"question": "q", "context": "d", "gold": "", "teacher": "", "student": "e"}]
    found = part(written(tmp_path, metrics(disagreements={"shown": shown * 5})), "disagreements")
    cards = list(found.iter("li"))
    assert [[p.text for p in card.iter("p")] for card in cards[:3]] == [["a", "b"], ["c"], ["q", "d"]]
    assert [cells(card.find(".//table"))[0] for card in cards[:3]] == [
        ["yes", "no", "yes ✓"], ["2.50", "2.50 ✓", "1.00"], ["(no answer)", "(no answer) ✓", "e"]]
    assert len(cards) == 15 and len(list(found.find("details").iter("li"))) == 9


def test_exported_forms(tmp_path):
    table = part(written(tmp_path, metrics()), "exports").find(".//table")
    assert cells(table)[1] == ["tflite int8", "", "2.0", "98.50", "72.00", "-2.00", "-", "0.50", "9.00",
                               "1,234", "-"]
    assert [b.get("style") for b in table.iter("b")] == ["width:100.0%", "width:25.0%"]
    failed = metrics()
    failed["exports"]["forms"]["tflite int8"] = FORM | {"passed": False}
    assert cells(part(written(tmp_path, failed), "exports").find(".//table"))[1][-1] == "FAILED"


def test_agreement_is_a_figure_of_its_own(tmp_path):
    values = re.findall(r'<dd class="value">(.*?)</dd>', written(tmp_path, metrics()))
    assert values[-1] == "90.0 %" and len(values) == 5


def test_tables_have_captions_and_scroll_with_the_keyboard(tmp_path):
    root = ElementTree.fromstring(written(tmp_path, metrics()))
    assert all("".join(table.find("caption").itertext()) for table in root.iter("table"))
    frames = [e for e in root.iter("div") if e.get("class") == "scroll"]
    assert frames and all(e.get("tabindex") == "0" and e.get("aria-label") for e in frames)
    assert all(svg.get("role") == "img" and svg.get("aria-label") for svg in root.iter("svg"))


def test_only_the_page_s_own_script_may_run(tmp_path):
    root = ElementTree.fromstring(written(tmp_path, metrics(command=HOSTILE)))
    script, = root.iter("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    policy = next(e.get("content") for e in root.iter("meta")
                  if e.get("http-equiv") == "Content-Security-Policy")
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")
def test_in_a_browser_the_script_runs_and_no_other(tmp_path):
    written(tmp_path, metrics(task=HOSTILE, command=HOSTILE))
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
        self.count += 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data


# What a page cannot show: control characters become a replacement character, and XML ends lines its own way.
characters = st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp"))
printable = st.text(characters, min_size=1, max_size=12)


@given(label=printable, other=printable, word=printable, command=printable, name=printable)
def test_any_text_stays_text(tmp_path_factory, label, other, word, command, name):
    folder = tmp_path_factory.mktemp("report")
    sentence = {"language": name, "words": f"{word} b", "gold": f"{label} O", "teacher": f"{label}x O",
                "student": f"{label}y O"}
    values = metrics(command=command, task=name, confusion={"student": {label: {label: 3, label + other: 1}}},
                     disagreements={"shown": [sentence]})
    values["exports"]["forms"] = {name: FORM}
    plain = metrics(command="c", task="n", confusion={"student": {"l": {"l": 3, "lo": 1}}},
                    disagreements={"shown": [sentence | {"words": "w b"}]})
    plain["exports"]["forms"] = {"n": FORM}
    source = written(folder, values)
    shown = Reader(source)
    assert shown.count == Reader(written(folder, plain)).count
    assert all(text in shown.said for text in (label + other, word, command, name, f"{label}y"))
    assert cells(part(source, "confusion").find(".//table")) == [[label, "3", "1"], [label + other, "·", "·"]]


@given(st.text(), st.text())
def test_whatever_text_there_is_the_page_is_well_formed(tmp_path_factory, one, other):
    sentence = {"language": one, "words": one, "gold": other, "teacher": one, "student": other}
    source = written(tmp_path_factory.mktemp("report"), metrics(
        command=one, config={one: other}, confusion={"student": {one: {other: 1}}},
        disagreements={"shown": [sentence, {"text": one, "gold": other, "teacher": one, "student": other}]}))
    ElementTree.fromstring(source)
    Reader(source)


def test_a_large_run_is_a_small_page(tmp_path):
    long = {key: " ".join(["B-ORGANISATION"] * 60) for key in ("words", "gold", "student")} | {
        "teacher": " ".join(["O"] * 60)}
    row = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "support": 10}
    model = {"per_type": {f"type {i}": row for i in range(200)},
             "per_language": {f"l{i}": row for i in range(100)}}
    history = [{"epoch": e, "loss": 1 / e, "val_loss": 1.0, "seconds": 2.5 * e} for e in range(1, 501)]
    phases = [{"name": f"{i}-labels", "history": history, "best_epoch": 12} for i in range(14)]
    source = written(tmp_path, metrics(teacher=model, student=model, phases=phases,
                                       disagreements={"shown": [long] * 20}))
    assert len(source.encode()) < 1_000_000
    figure = part(source, "curves").find(".//figure")
    drawn = [e.find("title").text for e in figure.iter("circle") if e.get("class") == "point train"]
    epochs = [int(re.match(r"epoch (\d+)", title).group(1)) for title in drawn]
    assert len(epochs) <= 82 and {1, 12, 500} <= set(epochs)  # the first, the best and the last among them
    assert max(b - a for a, b in itertools.pairwise(epochs)) <= 7
    caption = "".join(figure.find("figcaption").itertext())
    assert "best epoch 12 of 500" in caption and "one epoch in 7" in caption
