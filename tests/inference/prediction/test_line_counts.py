"""One line or record of output for each line of input, whatever it holds and whatever the file is called."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xtremedistil_tf.config import PredictionConfig
from xtremedistil_tf.runs.predict import predict

KINDS = ("tagging", "classification", "regression", "question_answering")
LINES = st.one_of(
    st.binary(max_size=30).filter(lambda line: b"\n" not in line),
    st.text(max_size=40).filter(lambda line: "\n" not in line).map(str.encode),
    st.sampled_from([b"", b" ", b"\t", b" \t ", b"\0", b"\r", b"a\rb", b"a\tb", b"a\tb\tc\td", b"\xef\xbb\xbf", b"\xff",
                     b"a\x85b", "a\u2028b".encode(), "\u200b".encode(), b'"', b'"a', b"a,b", b'{"text": "a"}', b"{",
                     b"#", b"anna met boris in paris .", b"x" * 3000, b"anna " * 400]))
CONTENTS = st.builds(lambda mark, lines, end: mark + b"\n".join(lines) + end,
                     st.sampled_from([b"", b"\xef\xbb\xbf"]), st.lists(LINES, max_size=12),
                     st.sampled_from([b"", b"\n", b"\r\n"]))
NAMES = ("in.txt", "in", "in.foo", "in.csv", "in.tsv", "in.jsonl", ".txt", "a, b.txt", "de.md")


def lines_of(content: bytes) -> int:
    if b"\r" in content[:-1] and b"\n" not in content and b"\0" not in content:
        content = content.replace(b"\r", b"\n")  # carriage returns alone end the lines
    return content.count(b"\n") + (content[-1:] not in (b"", b"\n"))


def is_utf16(content: bytes) -> bool:
    return content.startswith((b"\xff\xfe", b"\xfe\xff"))


def records_in(output: bytes, form: str) -> int:
    text = output.decode("utf-8")
    if form == "jsonl":
        found = [json.loads(line) for line in text.splitlines()]
        assert [one["line"] for one in found] == list(range(1, len(found) + 1))
    elif form == "csv":
        found = list(csv.reader(io.StringIO(text, newline="")))[1:]
        assert [row[0] for row in found] == [str(number) for number in range(1, len(found) + 1)]
    elif form == "conll":
        found = text.split("\n\n")[:-1]
        assert all(block.startswith(f"# line {number}") for number, block in enumerate(found, 1))
    else:
        found = text.split("\n")[:-1]
    assert not output or output.endswith(b"\n")
    return len(found)


@given(CONTENTS.filter(lambda content: not is_utf16(content)), st.sampled_from(KINDS), st.sampled_from(NAMES),
       st.sampled_from(["tsv", "jsonl", "csv"]))
@example(b"", "tagging", "in.txt", "jsonl")
@example(b"\n", "classification", "in.tsv", "csv")
@example(b"\r\x01", "tagging", "in.txt", "tsv")
@example(b"\xff\n\xff", "question_answering", "in", "tsv")
@settings(max_examples=150, deadline=None)
def test_a_record_for_each_line(predicted, content, kind, name, form):
    found = predicted(kind, content, name, output_format=form, on_error="skip")
    assert records_in(found, form) == lines_of(content)


@given(CONTENTS.filter(lambda content: not is_utf16(content)), st.sampled_from(NAMES))
@settings(max_examples=40, deadline=None)
def test_a_block_for_each_line(predicted, content, name):
    found = predicted("tagging", content, name, output_format="conll", on_error="skip")
    assert records_in(found, "conll") == lines_of(content)


@given(st.lists(st.lists(st.text(max_size=20).filter(lambda cell: "\0" not in cell), min_size=2, max_size=3),
                min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_record_for_each_row(predicted, rows):
    table = io.StringIO()
    csv.writer(table, quoting=csv.QUOTE_ALL).writerows([["id", "body"], *rows])
    content = table.getvalue().encode("utf-8")
    found = [json.loads(line) for line in
             predicted("classification", content, "in.csv", columns="body", output_format="jsonl").splitlines()]
    assert [one.get("text", "") for one in found] == [row[1] if row[1].strip() else "" for row in rows]


@pytest.mark.parametrize("content", [b"anna\n\n \nmet\tparis\n\0\nlast", b"\xef\xbb\xbfanna\r\nmet\r\n", b""])
def test_standard_streams(students, predicted, monkeypatch, capsysbinary, content):
    expected = predicted("tagging", content)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    predict(students["tagging"], PredictionConfig(model_dir="m", do_predict=True))
    assert capsysbinary.readouterr().out == expected
    assert records_in(expected, "tsv") == lines_of(content)


@pytest.mark.parametrize(("suffix", "pack", "unpack"), [
    (".gz", gzip.compress, gzip.decompress), (".bz2", bz2.compress, bz2.decompress),
    (".xz", lzma.compress, lzma.decompress)])
def test_compressed_in_and_out(predicted, suffix, pack, unpack):
    content = b"anna met boris\n\nparis\n"
    packed = predicted("tagging", pack(content), f"in.txt{suffix}", f"out.tsv{suffix}")
    assert unpack(packed) == predicted("tagging", content)
