"""Texts and pairs with labels, from TSV and JSON lines."""

from __future__ import annotations

import json
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xtremedistil_tf.corpus import TextExample, read_classified
from xtremedistil_tf.corpus.classified import read_texts
from xtremedistil_tf.errors import DataError
from xtremedistil_tf.tasks.opening import load_task, read_unlabeled

# Whatever a line of text can hold; "\x1c" and the like do not end lines here.
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\t\n\r")).filter(
    lambda text: text.strip() and not text.startswith("\ufeff"))


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path
    return write


@given(st.lists(st.tuples(TEXT, TEXT, st.sampled_from(["yes", "no"])), min_size=1, max_size=5))
def test_round_trip_of_pairs(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("rows")
    (folder / "a.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8", newline="")
    lines = (json.dumps({"premise": a, "hypothesis": b, "label": c, "language": "de"}) for a, b, c in rows)
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for name, language in (("a.tsv", None), ("a.jsonl", "de")):
        read = read_classified(folder / name, pairs=True)
        assert [(e.text, e.pair, e.label) for e in read] == rows
        assert {e.language for e in read} == {language}


def test_labels_are_names_or_their_indices(write):
    path = write("t.tsv", "good\t1\nbad\tneg\n\"quoted\"\t0\n")
    read = read_classified(path, labels=["neg", "pos"])
    assert read == [TextExample("good", None, "pos", None, str(path), 1),
                    TextExample("bad", None, "neg", None, str(path), 2),
                    TextExample('"quoted"', None, "neg", None, str(path), 3)]


def test_scores_are_numbers(write):
    path = write("t.tsv", "a\tb\t3.80\nc\td\t-1e2\n")
    assert [e.label for e in read_classified(path, pairs=True, regression=True)] == [3.8, -100.0]


@pytest.mark.parametrize("content, pairs, options, message", [
    ("Ada sings\tB-PER O\n", False, {}, "tags 'B-PER O', expected the name of one class; with tags use `task_kind=tag"),
    ("a b\n", False, {}, r"t.tsv:1: 1 column, expected `text<TAB>label` lines"),
    ("a\tb\tc\n", False, {}, r"t.tsv:1: 3 columns"),
    ("a\t1\n", True, {}, r"t.tsv:1: 2 columns, expected `text<TAB>text<TAB>label` lines"),
    ("x\t0\n \t0\n", False, {}, r"t.tsv:2: empty text"),
    ("x\t\n", False, {}, r"t.tsv:1: empty label"),
    ("x\t2\n", False, {"labels": ["a", "b"]}, r"t.tsv:1: unknown label '2', expected one of a, b, or an index below 2"),
    ("x\tnan\n", False, {"regression": True}, r"t.tsv:1: score 'nan', expected a finite number"),
    ("\n\n", False, {}, r"t.tsv: empty, expected `text<TAB>label` lines"),
    (b"ok\t0\n\xff\t0\n", False, {}, r"t.tsv:2: byte 0xff"),
])
def test_faults_name_file_line_value_and_remedy(write, content, pairs, options, message):
    with pytest.raises(DataError, match=message):
        read_classified(write("t.tsv", content), pairs, **options)


@pytest.mark.parametrize("line, message", [
    ("[1]", "expected an object"), ("{", "not JSON"), ('{"text": 3, "label": "a"}', "expected a string"),
    ('{"text": "x"}', "no key label"), ('{"label": "x"}', "no key text"),
    (r'{"text": "\ud800", "label": "a"}', "surrogate"),
    ('{"text": "x", "label": [1]}', "expected a text or a number"),
])
def test_faults_of_json_lines(write, line, message):
    with pytest.raises(DataError, match=r"t.jsonl:1: .*" + message):
        read_classified(write("t.jsonl", line))


def test_many_faults_are_counted(write):
    with pytest.raises(DataError, match="25 faults, the first 10 of them"):
        read_classified(write("t.tsv", "no tab\n" * 25))


def test_unlabelled_texts(write):
    write("text/de.txt", "eins zwei\n\ndrei\n")
    write("text/fr.txt.xz", lzma.compress(b"un\n"))
    texts = list(read_unlabeled(str(write("text/x.md", "").parent), "classification"))
    assert [(e.text, e.language) for e in texts] == [("eins zwei", "de"), ("drei", "de"), ("un", "fr")]
    labelled = write("t.tsv", "a\tb\t1\nc\td\n")
    assert [(e.text, e.pair, e.label) for e in read_texts(labelled, pairs=True)] == [("a", "b", None), ("c", "d", None)]
    with pytest.raises(DataError, match="p.txt:1: 0 tabs, expected `text<TAB>text` lines"):
        list(read_texts(write("p.txt", "alone\n"), pairs=True))


def test_task_folders(write):
    for language in ("de", "fr"):
        for split, count in (("train", 5), ("dev", 2)):
            write(f"task/{language}/{split}.tsv", "".join(f"{language} {i}\t{i % 3}\n" for i in range(count)))
    write("task/de/labels.tsv", "1\tneutral\n0\tbad\n2\tgood\n")
    task = load_task(write("task/x", "").parent, kind="classification", max_train=3)
    assert task.labels == ["bad", "neutral", "good"] and task.languages == ["de", "fr"]
    assert [e.label for e in task.train] == ["bad", "neutral", "good"] * 2 and len(task.surplus) == 4
    assert task.test == []


def test_classes_are_inferred_in_the_order_of_numbers(write):
    write("task/train.tsv", "".join(f"x{i}\t{i}\n" for i in (10, 9, 2)))
    write("task/dev.tsv", "y\t2\n")
    assert load_task(write("task/x", "").parent, kind="classification").labels == ["2", "9", "10"]


def test_a_missing_dev_file_names_the_remedy(write):
    write("task/train.tsv", "x\t1\n")
    with pytest.raises(DataError, match="no dev sentences, expected dev.tsv or dev.jsonl"):
        load_task(write("task/x", "").parent, kind="classification")


@pytest.mark.parametrize("line, message", [
    (r'{"text": "x", "label": "\ud800"}', "label: lone surrogate"),
    (r'{"text": "x\u0000", "label": "a"}', "NUL character"),
    ('{"text": "x", "label": "a", "language": 3}', "language 3, expected a code"),
])
def test_json_holds_nothing_that_a_text_file_cannot(write, line, message):
    with pytest.raises(DataError, match=r"t.jsonl:1: .*" + message):
        read_classified(write("t.jsonl", line))


@pytest.mark.parametrize("score", ["NaN", "-Infinity", "1" + "0" * 400, "1e999"])
def test_scores_of_json_lines_are_finite(write, score):
    with pytest.raises(DataError, match="t.jsonl:1: score .*expected a finite number"):
        read_classified(write("t.jsonl", f'{{"text": "x", "label": {score}}}'), regression=True)


def test_a_question_and_a_sentence_are_a_pair(write):
    path = write("t.jsonl", '{"sentence": "In Oslo.", "question": "Where?", "label": "a"}')
    assert [(e.text, e.pair) for e in read_classified(path, pairs=True)] == [("Where?", "In Oslo.")]


def fails(folder, message):
    with pytest.raises(DataError, match=message):
        load_task(folder, kind="classification")


def test_indices_of_classes_start_at_0_and_have_no_gap(write):
    write("task/train.tsv", "x\t1\ny\t2\n")
    write("task/dev.tsv", "x\t1\n")
    folder = write("task/labels.tsv", "1\tbad\n2\tgood\n").parent
    fails(folder, "labels.tsv: no class with index 0, expected the indices 0 to 1")


def test_an_index_means_the_same_class_in_all_languages(write):
    for language, names in (("de", "0\tbad\n1\tgood\n"), ("fr", "0\tgood\n1\tbad\n")):
        for split in ("train", "dev"):
            write(f"task/{language}/{split}.tsv", "x\t0\ny\t1\n")
        write(f"task/{language}/labels.tsv", names)
    fails(write("task/x", "").parent, "fr/labels.tsv: other classes, or another order, than in .*de/labels.tsv")


def test_classes_are_those_of_training(write):
    write("task/train.tsv", "x\ta\ny\tb\n")
    write("task/dev.tsv", "x\ta\ny\tc\n")
    fails(write("task/x", "").parent, "dev.tsv:2: class 'c' does not occur in the training examples")
    write("task/train.tsv", "x\ta\n")
    fails(write("task/x", "").parent, "train.tsv: only the class 'a', expected at least two")


PARTNERS = {"text": "text_pair", "sentence1": "sentence2", "premise": "hypothesis", "question1": "question2",
            "text_a": "text_b"}


@pytest.mark.parametrize("first", ["text", "sentence", "sentence1", "premise", "question1", "question", "text_a"])
@pytest.mark.parametrize("second", ["text_pair", "sentence2", "hypothesis", "question2", "pair", "text_b"])
def test_keys_of_texts_and_labels_that_data_sets_use(write, first, second):
    for label in ("label", "score", "labels"):
        path = write("t.jsonl", json.dumps({second: "b", "other": 1, label: "x", first: "a"}))
        assert read_classified(path, pairs=True) == [TextExample("a", "b", "x", None, str(path), 1)]
        if second == PARTNERS.get(first):
            with pytest.raises(DataError, match=f"has two texts, {first} and {second}.*`do_pairwise`"):
                read_classified(path)
        else:
            assert read_classified(path) == [TextExample("a", None, "x", None, str(path), 1)]


def test_a_given_language_counts_and_labels_of_json_may_be_numbers(write):
    path = write("t.jsonl", '{"text": "a", "label": 1, "language": "fr"}\n\n{"text": "b", "label": " neg "}\n')
    read = read_classified(path, labels=["neg", "pos"], language="de")
    assert [(e.label, e.language, e.line) for e in read] == [("pos", "de", 1), ("neg", "de", 3)]
    assert [e.language for e in read_classified(path)] == ["fr", None]
    with pytest.raises(DataError, match="label True, expected a text or a number"):
        read_classified(write("t.jsonl", '{"text": "a", "label": true}'))


def test_an_index_has_at_most_six_digits_and_a_class_of_that_name_comes_first(write):
    path = write("t.tsv", "a\t1\nb\t000000\n")
    assert [e.label for e in read_classified(path, labels=["1", "x"])] == ["1", "1"]
    with pytest.raises(DataError, match="unknown label '0000001'"):
        read_classified(write("t.tsv", "a\t0000001\n"), labels=["1", "x"])


def test_texts_without_labels_from_every_kind_of_file(write):
    for name, content in (("t.jsonl", '{"text": "a", "language": "de"}'), ("t.tsv", "a\tx\n"), ("t.txt", "a\n")):
        path = write(name, content)
        assert list(read_texts(path, language="fr")) == [TextExample("a", None, None, "fr", str(path), 1)]
    path = write("p.txt", "a\tb\nc\td\tlabel\n")
    assert [(e.text, e.pair, e.label) for e in read_texts(path, pairs=True)] == [("a", "b", None), ("c", "d", None)]
    with pytest.raises(DataError, match="empty, expected `text` lines"):
        list(read_texts(write("e.txt", "\n")))
    path = write("t.txt", "a\tx\n")  # whatever its name
    assert read_classified(path) == [TextExample("a", None, "x", None, str(path), 1)]
