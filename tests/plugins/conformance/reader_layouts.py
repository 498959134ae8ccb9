"""The layouts of data files as docs/data.md has them, written here without the package."""

from __future__ import annotations

import csv
import io
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from conformance.readers import Layout
from xtremedistil_tf.corpus import read_glue, read_squad
from xtremedistil_tf.corpus.classified import read_classified
from xtremedistil_tf.corpus.label_files import read_class_names, read_labels
from xtremedistil_tf.corpus.tagged import read_tagged
from xtremedistil_tf.tasks.opening import read_labelled, read_unlabeled

# All that is text: JSON can spell more than a file can hold.
_CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="\0\t\n\r")
TEXT = st.text(_CHARACTERS, min_size=1, max_size=12).filter(str.strip)
WORD = st.text(_CHARACTERS, min_size=1, max_size=6).filter(lambda word: word.split() == [word])
LABEL = st.text(_CHARACTERS, min_size=1, max_size=6).filter(lambda label: label == label.strip() and "," not in label)
TAG = st.sampled_from(["O", "B-LOC", "I-LOC", "B-x:y", "I-Ä"])
# What begins so is no token in a CoNLL file.
TOKEN = WORD.filter(lambda word: not word.startswith(("-DOCSTART-", "\ufeff")))
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def _several(*columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.tuples(*columns), min_size=1, max_size=4)


def _in_iob2(row: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A sentence in which each entity begins with its B-: others are mended, and not read back as they were written."""
    before, found = "O", []
    for word, tag in row:
        begins = tag.startswith("I-") and before[2:] != tag[2:]
        before = f"B-{tag[2:]}" if begins else tag
        found.append((word, before))
    return found


def _sentences(word: st.SearchStrategy[str]) -> st.SearchStrategy[list[Any]]:
    def paired(rows: list[list[tuple[str, str]]]) -> list[Any]:
        # A word and a tag without the prefix of a language: else prefixes that all have by chance would be taken off.
        return [tuple(zip(*_in_iob2([("a", "O"), *row]))) for row in rows]

    rows = st.lists(st.lists(st.tuples(word, TAG), min_size=1, max_size=4), min_size=1, max_size=4)
    return rows.map(paired)


def _lines(lines: Iterator[str] | list[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _json_lines(*names: str) -> Callable[[list[Any]], str]:
    return lambda rows: _lines([json.dumps(dict(zip(names, row))) for row in rows])


def _tabs(rows: list[Any]) -> str:
    return _lines(["\t".join(map(str, row)) for row in rows])


def _tagged(name: str, write: Callable[[list[Any]], str], word: st.SearchStrategy[str],
            faulty: dict[str, str]) -> Layout:
    return Layout(name, read_tagged, _sentences(word), write, lambda e: (e.words, e.tags), faulty)


def _with_spans(row: Any) -> str:
    """A sentence as annotation tools have it: the words with a space between them, and spans of characters."""
    words, tags = row
    spans, at = [], 0
    for word, tag in zip(words, tags):
        if tag.startswith("B-"):
            spans.append([at, at + len(word), tag[2:]])
        elif tag.startswith("I-"):
            spans[-1][1] = at + len(word)
        at += len(word) + 1
    return json.dumps({"text": " ".join(words), "label": spans})


def _csv(rows: list[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    return file.getvalue()


TAGGED = [
    _tagged("train.tsv", lambda rows: _lines([f"{' '.join(words)}\t{' '.join(tags)}" for words, tags in rows]), WORD,
            {"a\tO\na b\tO\n": ":2: 2 tokens but 1 tag", "a b\tB-A X\n": ":1: malformed tag 'X'", "a\n": ":1: no tab"}),
    _tagged("train.conll", lambda rows: "\n".join(_lines([f"{w} {t}" for w, t in zip(*row)]) for row in rows), TOKEN,
            {"a O\nb\n": ":2: token 'b' without a tag", "a O\nb O O\n": ":2: 3 columns",
             "a B-A\n\nb X\n": ":3: malformed tag 'X'"}),
    _tagged("tabs.conll", lambda rows: "\n".join(_tabs(list(zip(*row))) for row in rows), TOKEN,
            {"a\tO\na b\tO\n": ":2: token 1, 'a b', holds white space"}),
    _tagged("train.jsonl", _json_lines("tokens", "tags"), WORD,
            {'{"tokens": ["a"], "tags": ["O"]}\n{\n': ":2: not JSON", '{"tokens": ["a"], "tags": []}': ":1: 1 token",
             '{"tokens": ["a"], "tags": ["B-\\ud800"]}': ":1: ", '{"tokens": ["a b"], "tags": ["O"]}': ":1: token 1"}),
    _tagged("array.json", lambda rows: json.dumps([{"words": words, "tags": tags} for words, tags in rows]), WORD,
            {'[{"words": ["a"], "tags": ["O"]}, {"words": ["a"], "tags": []}]': ":2: 1 token but 0 tags"}),
    _tagged("three.tsv", lambda rows: "\n".join(
        "".join(f"{number}\t{word}\t{tag}\n" for number, (word, tag) in enumerate(zip(*row))) for row in rows), TOKEN,
        {"1\ta\tB-A\n2\tb\tO\n\n1\tb\n": ":4: 2 columns, expected 3"}),
    Layout("doccano.jsonl", lambda path: read_labelled(path, "tagging"), _sentences(st.text("aäB語", min_size=1)),
           lambda rows: _lines(map(_with_spans, rows)), lambda e: (e.words, e.tags),
           {'{"text": "a", "label": [[0, 1, "X"]]}\n{"text": "a", "label": [[0, 9, "X"]]}': ":2: span [0, 9, 'X']"}),
    Layout("de.txt", lambda path: list(read_unlabeled(str(path), "tagging")),
           st.lists(st.lists(WORD, min_size=1, max_size=4).map(tuple), min_size=1, max_size=4),
           lambda rows: _lines([" ".join(row) for row in rows]), lambda e: e.words, {"\n \n": ": empty"})]
CLASSIFIED = [
    Layout("train.tsv", read_classified, _several(TEXT, LABEL), _tabs, lambda e: (e.text, e.label),
           {"a\tb\nc\n": ":2: 1 column", "a\tb\n \tb\n": ":2: empty text", "a\t \n": ":1: empty label"}),
    Layout("train.jsonl", read_classified, _several(TEXT, LABEL), _json_lines("text", "label"),
           lambda e: (e.text, e.label),
           {'{"text": "a", "label": "b"}\n7': ":2: 7, expected an object", '{"text": "a"}': ":1: no key label",
            '{"text": "a\\ud800", "label": "b"}': ":1: lone surrogate",
            '{"text": "a", "label": "b\\nc"}': ":1: label 'b\\nc' holds a tab or a line break"}),
    Layout("train.csv", read_classified, _several(TEXT, LABEL), _csv, lambda e: (e.text, e.label),
           {"text,label\na,b\nc\n": ":3: 1 column", 'text,label\n"a,b\n': ":2: not CSV"}),
    Layout("header.tsv", read_classified, _several(TEXT, LABEL),
           lambda rows: _tabs([("label", "id", "text"), *((label, "7", text) for text, label in rows)]),
           lambda e: (e.text, e.label), {"label\tid\ttext\na\tb\n": ":2: 2 columns, expected 3 as in the first row"}),
    Layout("train.json", read_classified, _several(TEXT, LABEL),
           lambda rows: json.dumps([{"text": text, "label": label} for text, label in rows]),
           lambda e: (e.text, e.label), {'[{"text": "a", "label": "b"}, 7]': ":2: 7, expected an object"}),
    Layout("pairs.tsv", lambda path: read_classified(path, pairs=True), _several(TEXT, TEXT, LABEL), _tabs,
           lambda e: (e.text, e.pair, e.label), {"a\tb\tc\na\tb\n": ":2: 2 columns"}),
    Layout("pairs.jsonl", lambda path: read_classified(path, pairs=True), _several(TEXT, TEXT, LABEL),
           _json_lines("premise", "hypothesis", "label"), lambda e: (e.text, e.pair, e.label),
           {'{"premise": "a", "label": 1}': ":1: no key text_pair"}),
    Layout("scores.tsv", lambda path: read_classified(path, regression=True), _several(TEXT, NUMBER), _tabs,
           lambda e: (e.text, e.label), {"a\t1\nb\tx\n": ":2: score 'x'", "a\tinf\n": ":1: score 'inf'"}),
    Layout("scores.jsonl", lambda path: read_classified(path, regression=True), _several(TEXT, NUMBER),
           _json_lines("text", "score"), lambda e: (e.text, e.label),
           {'{"text": "a", "score": true}': ":1: label True"}),
    Layout("unlabelled.txt", lambda path: list(read_unlabeled(str(path), "classification", True)), _several(TEXT, TEXT),
           _tabs, lambda e: (e.text, e.pair), {"a\tb\na\n": ":2: 0 tabs"})]
_LABELS = st.lists(LABEL, max_size=3, unique=True).map(tuple)
MULTI_LABEL = [
    Layout("train.tsv", lambda path: read_labelled(path, "multi_label"), _several(TEXT, _LABELS),
           lambda rows: _tabs([(text, ",".join(labels)) for text, labels in rows]), lambda e: (e.text, e.label),
           {"a\tb\na\tb,b\n": ":2: label 'b' for the second time", "a\tb,,c\n": ":1: empty label"}),
    Layout("train.jsonl", lambda path: read_labelled(path, "multi_label"), _several(TEXT, _LABELS),
           _json_lines("text", "labels"), lambda e: (e.text, e.label),
           {'{"text": "a", "labels": ["b"]}\n{"text": "a", "labels": {}}': ":2: labels {}"})]


@st.composite
def _questions(draw: Callable[..., Any]) -> list[Any]:
    """(question, context, answers) with places in Unicode characters."""
    rows = []
    for context, question in draw(_several(TEXT, TEXT)):
        start = draw(st.integers(0, len(context) - 1))
        end = draw(st.integers(start + 1, len(context)))
        answers = ((context[start:end], start),) if context[start:end].strip() else ()
        rows.append((question, context, answers))
    return rows


def _squad(rows: list[Any]) -> str:
    paragraphs = [{"context": context, "qas": [{"id": str(number), "question": question, "answers": [
        {"text": text, "answer_start": start} for text, start in answers]}]}
        for number, (question, context, answers) in enumerate(rows)]
    return json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]})


def _one_question(**changed: Any) -> str:
    sound = {"id": "0", "question": "?", "answers": []}
    return json.dumps({"data": [{"paragraphs": [{"context": "a b", "qas": [sound, {**sound, "id": "1"} | changed]}]}]})


QUESTIONS = [
    Layout("train.json", read_squad, _questions(), _squad,
           lambda e: (e.question, e.context, tuple((a.text, a.start) for a in e.answers)),
           {"[": ": not JSON", _one_question(id="0"): ":2: question id '0' for the second time",
            _one_question(answers=[{"text": "c", "answer_start": 0}]): ":2: answer 'c' does not occur",
            _one_question(answers=7): ":2: answer 7",
            _one_question(question="\ud800"): ":2: question: lone surrogate"}),
    Layout("free.json", lambda path: list(read_unlabeled(str(path), "question_answering")), _several(TEXT, TEXT),
           lambda rows: _squad([(question, context, ()) for question, context in rows]),
           lambda e: (e.question, e.context), {"{}": ": key 'data' is missing"})]


def _glue(task: str, header: tuple[str, ...], columns: Callable[..., tuple[str, ...]], dev: str,
          label: st.SearchStrategy[Any], **more: Any) -> Layout:
    """A training file of a GLUE task of single texts or of pairs."""
    def write(rows: list[Any]) -> str:
        return _tabs(([header] if header else []) + [columns(*row) for row in rows])

    def read(path: pathlib.Path) -> list[Any]:
        return read_glue(path.parent, task).train

    texts = (TEXT, TEXT) if columns.__code__.co_argcount == 3 else (TEXT,)
    return Layout("train.tsv", read, _several(*texts, label), write,
                  lambda e: (e.text, *([e.pair] if e.pair is not None else []), e.label), beside={"dev.tsv": dev},
                  **more)


_RTE, _STSB = "index\tsentence1\tsentence2\tlabel\n", "index\tsentence1\tsentence2\tscore\n"
_QQP = ("id", "qid1", "qid2", "question1", "question2", "is_duplicate")
GLUE = {
    "cola": _glue("cola", (), lambda text, label: ("gj04", str(int(label == "acceptable")), "", text),
                  "gj04\t1\t\tFine.\n", st.sampled_from(["acceptable", "unacceptable"]),
                  faulty={"a\t1\t\tb\na\t2\t\tb\n": ":2: unknown label '2'"}),
    "rte": _glue("rte", ("index", "sentence1", "sentence2", "label"), lambda one, two, label: ("0", one, two, label),
                 _RTE + "0\ta\tb\tentailment\n", st.sampled_from(["entailment", "not_entailment"]),
                 faulty={"a\tb\tc\n": ":1: no column sentence1", _RTE + "a\n": ":2: 1 column"}),
    "qqp": _glue("qqp", _QQP, lambda one, two, label: ("1", "2", "3", one, two, str(int(label == "duplicate"))),
                 "\t".join(_QQP) + "\n1\t2\t3\ta?\tb?\t0\n", st.sampled_from(["duplicate", "not_duplicate"])),
    "stsb": _glue("stsb", ("index", "sentence1", "sentence2", "score"),
                  lambda one, two, label: ("0", one, two, str(label)), _STSB + "0\ta\tb\t2.5\n", NUMBER,
                  faulty={_STSB + "0\ta\tb\tx\n": ":2: score 'x'"})}
_NAMES = st.lists(LABEL, min_size=2, max_size=4, unique=True)
LABEL_FILES = [
    Layout("classes.tsv", read_class_names, _NAMES, _lines, str,
           {"a\nb\nb\n": ":3: label 'b' for the second time", "0\ta\n2\tb\n": ": no class with index 1"}),
    Layout("tags.tsv", read_labels, st.lists(TAG, min_size=1, unique=True).filter(lambda tags: all(
        f"B{tag[1:]}" in tags for tag in tags if tag.startswith("I-"))), _lines, str,
           {"B-A\nX-LOC\n": ":2: label 'X-LOC'"})]
ALL = {f"{group}/{layout.name}": layout for group, layouts in (
    ("tagging", TAGGED), ("texts", CLASSIFIED), ("multi_label", MULTI_LABEL), ("questions", QUESTIONS),
    ("labels", LABEL_FILES)) for layout in layouts} | {f"glue/{name}": layout for name, layout in GLUE.items()}
