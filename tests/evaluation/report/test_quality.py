"""Sections on quality, read back cell by cell."""

from __future__ import annotations

import pytest


def exact(table) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in table.find("tbody")]


def words(element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_comparison_of_the_models(metrics, report):
    page = report(metrics())
    assert [words(cell) for cell in page.table("quality").find("thead")[0]] == [
        "score", "teacher", "student", "labels alone", "vs teacher"]
    found = page.rows("quality")
    assert found["entity F1"] == ["91.23", "88.17", "79.01", "96.65 %"]
    assert found["mean over languages"] == ["86.23 ± 5.50", "83.17 ± 5.50", "74.01 ± 5.50", "96.44 %"]
    assert "Entity scores over 1,234 entities" in words(page.sections["quality"].find("p"))


def test_further_dev_sets(metrics, report):
    page = report(metrics(extra={"mismatched <dev>": {"teacher": 0.81, "student": 0.7925}}))
    assert page.rows("quality")["entity F1, mismatched <dev>"][:3] == ["81.00", "79.25", "–"]


def test_languages_have_a_bar_per_model_as_long_as_the_score(metrics, report):
    page = report(metrics())
    assert page.rows("languages")["sw"] == ["", "80.7", "77.7", "68.5", "96.2 %", "400"]
    bars = [(b.get("class"), b.get("style")) for b in page.table("languages").find("tbody")[1].iter("b")]
    assert bars == [("teacher", "width:80.7%"), ("student", "width:77.7%"), ("baseline", "width:68.5%")]


def test_entity_types(metrics, report):
    page = report(metrics())
    table = page.table("types")
    assert page.rows("types")["PER"] == ["", "734", "93.2", "90.2", "92.2", "90.2", "87.2", "89.2", "81.0", "78.0",
                                         "80.0"]
    assert [b.get("style") for b in table.find("tbody")[1].iter("b")] == ["width:93.2%", "width:90.2%", "width:81.0%"]
    groups, heads = table.find("thead")
    assert sum(int(cell.get("colspan")) for cell in groups) == len(heads)
    assert [words(cell) for cell in groups[3:]] == ["teacher", "student", "labels alone"]


def test_confusion_shades_by_the_share_of_the_gold_label(metrics, report):
    student, teacher = report(metrics()).sections["confusion"].iter("table")
    assert words(student.find("caption")).startswith("Student")
    assert words(teacher.find("caption")).startswith("Teacher")
    assert exact(student) == [["O", "1,200", "30"], ["B-X", "5", "15"]]
    shades = [cell.get("style") for cell in student.find("tbody")[1].iter("td")]
    assert shades == ["--share:0.250", "--share:0.750"]
    right = [[cell.get("class") for cell in row.iter("td")] for row in student.find("tbody")]
    assert right == [["cell right", "cell"], ["cell", "cell right"]]


def test_of_many_labels_the_most_frequent_mistakes_are_listed(metrics, report):
    labels = [f"intent {i}" for i in range(40)]
    counts = {gold: {gold: 50, labels[i - 1]: i} for i, gold in enumerate(labels)}
    section = report(metrics(kind="classification", confusion={"student": counts})).sections["confusion"]
    table, = section.iter("table")
    found = exact(table)
    assert len(found) == 30 and found[0] == ["intent 39 → intent 38", "39", f"{100 * 39 / 89:.1f}"]
    assert "shade" not in words(section)


def test_disagreements_mark_the_words_that_differ_and_the_right_answers(metrics, report):
    card = report(metrics()).sections["disagreements"].find(".//li")
    text = next(p for p in card.iter("p") if p.get("class") == "text")
    assert text.get("dir") == "auto" and text.get("lang") == "ar"
    assert "".join(text.itertext()) == metrics()["disagreements"]["shown"][0]["words"]
    assert [mark.text for mark in text.iter("mark")] == ["في", "القاهرة"]
    assert exact(card.find(".//table")) == [["في", "O", "O ✓", "B-X"], ["القاهرة", "B-X", "B-X ✓", "O"]]


def test_disagreements_on_texts_numbers_and_questions(metrics, report):
    shown = [{"text": "a", "pair": "b", "gold": "yes", "teacher": "no", "student": "yes"},
             {"text": "c", "gold": 2.5, "teacher": 2.5, "student": 1.0},
             {"question": "q", "context": "d", "gold": "", "teacher": "", "student": "e"}]
    found = report(metrics(disagreements={"shown": shown * 5})).sections["disagreements"]
    cards = list(found.iter("li"))
    assert [[p.text for p in card.iter("p")] for card in cards[:3]] == [["a", "b"], ["c"], ["q", "d"]]
    assert [exact(card.find(".//table"))[0] for card in cards[:3]] == [
        ["yes", "no", "yes ✓"], ["2.50", "2.50 ✓", "1.00"], ["(no answer)", "(no answer) ✓", "e"]]
    assert len(cards) == 15 and len(list(found.find("details").iter("li"))) == 9
    assert words(found.find("details/summary")) == "9 more" and "here are 15," in words(found.find("p"))


@pytest.mark.parametrize("count", [6, 7])
def test_few_disagreements_are_not_folded(metrics, report, count):
    found = report(metrics(disagreements={"shown": [{"text": "a"}] * count})).sections["disagreements"]
    assert (found.find("details") is not None) == (count > 6)
