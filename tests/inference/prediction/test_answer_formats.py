"""What is written: the fields of each format, and that they say the same."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest

from xtremedistil_tf.corpus.conll import read_conll
from xtremedistil_tf.corpus.files import Faults
from xtremedistil_tf.errors import ConfigError
from xtremedistil_tf.inference.answer_formats import fields_of, json_line, writer_of
from xtremedistil_tf.tasks.question_answering.formats import AnswerSpan

TEXT = "anna met  b\u00f6ris\tin \U0001f600 paris ."


def rows_of(output: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.decode("utf-8"), newline="")))


def test_a_taggers_formats_agree(predicted, students, tmp_path):
    content = f"{TEXT}\n\nlima\n".encode()
    found = [json.loads(line) for line in predicted("tagging", content, output_format="jsonl").splitlines()]
    assert found[0]["text"] == TEXT and found[1] == {"line": 2, "blank": True}
    for part in (*found[0]["words"], *found[0]["entities"]):
        assert TEXT[part["start"]:part["end"]] == part["text"] and 0 < part["score"] <= 1
    assert found[0]["entities"]
    expected = students["tagging"].predictor.answers([students["tagging"].task.asked(TEXT)])[0]
    assert [entity["type"] for entity in found[0]["entities"]] == [entity.type for entity in expected]
    tags = [[word["tag"] for word in one.get("words", [])] for one in found]
    lines = predicted("tagging", content).decode("utf-8").split("\n")[:-1]
    assert [line.split("\t")[1].split() if line else [] for line in lines] == tags
    rows = rows_of(predicted("tagging", content, output_format="csv"))
    assert [json.loads(row["words"] or "[]") for row in rows] == [one.get("words", []) for one in found]
    assert [row["text"] for row in rows] == [TEXT, "", "lima"]
    file = tmp_path / "out.conll"
    file.write_bytes(predicted("tagging", content, output_format="conll"))
    faults = Faults(file)
    assert [list(example.tags) for example in read_conll(file, faults)] == [tags[0], tags[2]] and not faults.count


@pytest.mark.parametrize(("kind", "fields"), [
    ("classification", ["label", "score", "probabilities"]), ("regression", ["value"]),
    ("question_answering", ["text", "start", "end", "score", "no_answer_score"])])
def test_fields_of_other_kinds(predicted, kind, fields):
    found = json.loads(predicted(kind, b"who ?\tanna met boris\n", output_format="jsonl"))
    assert list(found)[-len(fields):] == fields or set(fields) <= set(found)
    row, = rows_of(predicted(kind, b"who ?\tanna met boris\n", output_format="csv"))
    for name in fields:
        cell = row[name]
        assert (json.loads(cell) if isinstance(found[name], dict | float | int) else cell) == found[name]
    assert row["error"] == "" and row["line"] == "1"


def test_errors_stand_in_their_place(predicted):
    content = b"anna\n\xff\nmet\n"
    problem = "byte 0xff at offset 0 of the line is not valid UTF-8 (invalid start byte), expected UTF-8"
    skip = {"on_error": "skip"}
    assert predicted("classification", content, **skip).decode().split("\n")[1] == f"ERROR\t{problem}"
    assert predicted("tagging", content, output_format="conll", **skip).decode().split("\n")[3] == (
        f"# line 2 ERROR: {problem}")
    assert rows_of(predicted("classification", content, output_format="csv", **skip))[1]["error"] == problem


def test_conll_is_for_taggers(students):
    with pytest.raises(ConfigError, match="`output_format=conll` is for taggers, this student is for question"):
        writer_of("conll", students["question_answering"].task)


def test_json_is_valid_and_on_one_line():
    assert fields_of(AnswerSpan("a", 0, 1, -math.inf, 1 / 3)) == {
        "text": "a", "start": 0, "end": 1, "score": None, "no_answer_score": 0.333333}
    text = "a\x85b\u2028c\u2029d\x0b\x1c\n\r\u00e9"
    line = json_line({"text": text})
    # Vertical tabs and separators are escaped by JSON itself.
    assert len(line.splitlines()) == 1 and json.loads(line)["text"] == text and "\u00e9" in line
