"""How files are read: tables by their columns, JSON lines by their keys, labelled files, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import logging
import os

import pytest

from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.errors import ConfigError, DataError
from xtremedistil_tf.runs.predict import predict

TABLE = 'id,body,title\n1,"anna, met",house\n2,"bo\nris",\n\n3,paris\n'


def objects(predicted, *arguments, **settings):
    return [json.loads(line) for line in predicted(*arguments, output_format="jsonl", **settings).splitlines()]


def texts(found, *names):
    return [tuple(one.get(name) for name in names) if len(names) > 1 else one.get(names[0]) for one in found]


@pytest.mark.parametrize("columns", ["body", "2", " body "])
def test_columns_by_name_and_number(predicted, columns):
    found = objects(predicted, "tagging", TABLE.encode(), "in.csv", columns=columns)
    assert texts(found, "text") == ["anna, met", "bo\nris", None, "paris"]
    assert [one["line"] for one in found] == [2, 3, 5, 6] and found[2]["blank"]


def test_two_columns_in_any_order(predicted, on_pairs, students):
    content = b"a\tb\tc\n1\tx\ty\n"
    assert texts(objects(predicted, on_pairs, content, "in.tsv", columns="c,b"), "text", "pair") == [("y", "x")]
    found = objects(predicted, "question_answering", content, "in", columns="1,3", table_header=False)
    assert texts(found, "question", "context") == [("a", "c"), ("1", "y")]


def test_rows_that_are_too_short(predicted, caplog):
    found = objects(predicted, "classification", TABLE.encode(), "in.csv", columns="title", on_error="skip")
    assert [one.get("error") for one in found][3] == "2 columns, expected at least 3"
    assert "1 of 4 records not answered; the first:" in caplog.text and "in.csv:6: 2 columns" in caplog.text
    assert found[1]["blank"]  # an empty cell


@pytest.mark.parametrize(("content", "settings", "message"), [
    (b"a,b\nx,y\n", {"columns": "c"}, "in.csv:1: no column 'c' in the header 'a, b'"),
    (b"a,a\nx,y\n", {"columns": "a"}, "several columns 'a'"),
    (b"a,b\nx,y\n", {"columns": "3"}, "no column '3'"),
    (b"", {"columns": "a"}, "no column 'a' in the header ''"),
    (b"\xff\nx\n", {"columns": "1"}, "in.csv:1: byte 0xff"),
    (b'"a\n', {"columns": "1"}, "in.csv:1: unexpected end of data"),
])
def test_what_cannot_be_read(predicted, content, settings, message):
    with pytest.raises(DataError) as error:
        predicted("classification", content, "in.csv", **settings)
    assert message in str(error.value)


def test_utf_16_is_read_as_such(predicted):
    content = "\ufeffa,ä\nb,日本\n".encode("utf-16-le")
    assert predicted("classification", content, "in.csv", columns="2", table_header=False) == predicted(
        "classification", "ä\n日本\n".encode(), "in.txt")


def test_settings_that_do_not_fit(predicted, on_pairs):
    with pytest.raises(ConfigError, match=r"`columns=a,b`: 2 columns, expected 1 \(texts\)"):
        predicted("tagging", b"a\tb\n", columns="a,b")
    with pytest.raises(ConfigError, match=r"1 column, expected 2 \(texts, pairs\)"):
        predicted(on_pairs, b"a\tb\n", columns="a")
    with pytest.raises(ConfigError, match="without a header"):
        predicted("tagging", b"a\tb\n", columns="a", table_header=False)
    with pytest.raises(ConfigError, match="a .conll file has no such columns"):
        predicted("tagging", b"a O\n", "in.conll", columns="a")
    with pytest.raises(ConfigError, match="there is no table"):
        PredictionConfig(model_dir="m", do_predict=True, table_header=False).validate()


def test_an_open_quotation_mark_is_one_faulty_record(predicted):
    found = objects(predicted, "classification", b'a\nx\n"y\nz\n', "in.csv", columns="a", on_error="skip")
    assert [one["line"] for one in found] == [2, 3] and found[1]["error"] == "unexpected end of data"


def test_json_lines(predicted, on_pairs):
    content = (b'{"text": "anna met"}\n\n{"tokens": ["a.b", "c"]}\n{"tokens": ["a b"]}\n{"tokens": "a"}\n{"text": 1}\n'
               b'{"x": "y"}\n[]\n{"text": "\\ud800"}\n{"text": "\\u0000"}\n{"tokens": []}\n')
    found = objects(predicted, "tagging", content, "in.jsonl", on_error="skip")
    assert texts(found, "text")[:3] == ["anna met", None, "a.b c"]
    assert ["error" in one for one in found] == [False] * 3 + [True] * 6 + [False] * 2
    assert found[1]["blank"] and found[10]["blank"]
    content = (b'{"premise": "a", "hypothesis": "b"}\n{"text": "a"}\n'
               b'{"sentence": "a", "question": "b", "text_pair": "c"}\n')
    found = objects(predicted, on_pairs, content, "in.jsonl", on_error="skip")
    assert texts(found, "text", "pair") == [("a", "b"), (None, None), ("b", "c")]
    assert "no key text_pair or" in found[1]["error"]
    assert texts(objects(predicted, "regression", b'{"text": "a", "my": "b"}\n', "in.jsonl", columns="my"),
                 "text") == ["b"]
    with pytest.raises(DataError, match=r"in.jsonl:1: no key 'z' among 'text'\. Correct the line"):
        objects(predicted, "regression", b'{"text": "a"}\n', "in.jsonl", columns="z")


def test_labelled_files(predicted, on_pairs):
    assert predicted("tagging", b"a.b c\tO O\n\nd\n", "in.tsv").count(b"\n") == 3
    found = objects(predicted, "tagging", b"a.b  c\tO O\n", "in.tsv")
    assert [(word["text"], word["start"]) for word in found[0]["words"]] == [("a.b", 0), ("c", 5)]
    assert texts(objects(predicted, "classification", b"a\tgood\nb\n", "in.tsv"), "text") == ["a", "b"]
    assert texts(objects(predicted, on_pairs, b"a\tb\tgood\nc\td\n", "in.tsv"), "text", "pair") == [
        ("a", "b"), ("c", "d")]
    found = objects(predicted, "tagging", b"anna B-LOC\nmet O\n\n\nparis O\n", "in.conll")
    assert texts(found, "text") == ["anna met", "paris"] and [one["line"] for one in found] == [1, 5]
    squad = {"data": [{"paragraphs": [{"context": "c d", "qas": [{"id": "1", "question": "q"}, {"id": "2",
                                                                                              "question": "r"}]}]}]}
    found = objects(predicted, "question_answering", json.dumps(squad).encode(), "in.json")
    assert texts(found, "question", "context") == [("q", "c d"), ("r", "c d")]


def test_the_first_bad_line_stops_and_nothing_is_written(predicted):
    (predicted.folder / "kept").write_text("old")
    with pytest.raises(DataError, match=r"in.txt:2: byte 0xff at offset 2 .*`on_error=skip`"):
        predicted("tagging", b"ok\na \xff\n", output="new")
    assert not (predicted.folder / "new").exists() and not list(predicted.folder.glob(".part-*"))


def test_what_is_before_a_bad_line_is_streamed(students, monkeypatch, capsys, tmp_path):
    from xtremedistil_tf.runs.predict import predict

    (tmp_path / "in.txt").write_bytes(b"anna\nmet\n\xff\nx\n")
    with pytest.raises(DataError, match=":3: byte 0xff"):
        predict(students["classification"], PredictionConfig(
            model_dir="m", do_predict=True, pred_file=str(tmp_path / "in.txt"), output_file="-"))
    assert capsys.readouterr().out.count("\n") == 2


def test_notes(predicted, caplog):
    with caplog.at_level(logging.WARNING):
        predicted("tagging", b"a\0b\nc\n")
        assert "1 line with NUL characters" in caplog.text and "iconv" in caplog.text
        caplog.clear()
        predicted("tagging", b"a,b\n", "in.csv")
        assert "every line is taken as text" in caplog.text and "`columns`" in caplog.text


def test_sources_that_are_not_there(predicted, students, tmp_path):
    for name, message in (("gone.txt", "no such file"), ("", "no text file")):
        with pytest.raises(DataError, match=message):
            predict(students["tagging"], PredictionConfig(model_dir="m", do_predict=True, output_file="-",
                                                          pred_file=os.path.join(tmp_path, name)))


def test_a_folder_and_several_files_are_read_one_after_the_other(predicted, students, tmp_path, caplog):
    parts = {"b.txt": b"anna\n\n", "a.txt": b"boris in oslo"}
    whole = predicted("classification", parts["a.txt"] + b"\n" + parts["b.txt"])
    for name, content in parts.items():
        (tmp_path / name).write_bytes(content)
    for given in (tmp_path, f"{tmp_path / 'a.txt'},{tmp_path / 'b.txt'}"):
        config = PredictionConfig(model_dir="m", do_predict=True, pred_file=str(given),
                                  output_file=str(tmp_path / "out"))
        predict(students["classification"], config)
        assert (tmp_path / "out").read_bytes() == whole
    (tmp_path / "b.txt").write_bytes(b"anna\n\xff\n")
    predict(students["classification"], dataclasses.replace(config, on_error="skip"))
    assert f"the first: {tmp_path / 'b.txt'}:2: " in caplog.text
    with pytest.raises(DataError, match="no such file"):
        predict(students["classification"], dataclasses.replace(config, pred_file=str(tmp_path / "missing")))
